// SPDX-License-Identifier: GPL-2.0-only
/*
 * The parameters: checked when they are set, then read without a lock where a
 * handshake completes. One of two static copies is published; a change is made
 * in the other one, so that a refused change changes nothing and no memory has
 * to be freed when loading fails half-way.
 */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/string.h>

#include "compat/compat.h"
#include "config.h"
#include "config_text.h"

static struct toa_config slots[2];
static struct toa_config __rcu *published = (struct toa_config __force __rcu *)&slots[0];
static DEFINE_MUTEX(change_lock);
static bool trusted_chosen;	/* under change_lock */
static bool formats_chosen;	/* likewise */
static bool peername = true;
static bool insecure_believe_implausible;
static unsigned int loglevel = 1;

const struct toa_config *toa_config_get(void)
{
	return rcu_dereference(published);
}

bool toa_config_peername(void)
{
	return READ_ONCE(peername);
}

bool toa_config_believes_implausible(void)
{
	return READ_ONCE(insecure_believe_implausible);
}

bool toa_config_log_refused(void)
{
	return READ_ONCE(loglevel) >= 2;
}

static int change(const char *text,
		  int (*apply)(const char *text, struct toa_config *config))
{
	struct toa_config *now, *next;
	int err;

	mutex_lock(&change_lock);
	now = rcu_dereference_protected(published,
					lockdep_is_held(&change_lock));
	next = now == &slots[0] ? &slots[1] : &slots[0];
	*next = *now;
	err = apply(text, next);
	if (!err) {
		rcu_assign_pointer(published, next);
		/* The old copy is the next one to be written to. */
		synchronize_rcu();
	}
	mutex_unlock(&change_lock);
	return err;
}

/* Older kernels end the line of every parameter, newer ones leave it to the getter. */
static bool getter_ends_line(char *page)
{
	const struct kernel_param kp = { .arg = &loglevel };
	int len = param_get_uint(page, &kp);

	return len > 0 && page[len - 1] == '\n';
}

static int show(char *page, int (*print)(const struct toa_config *config, char *page))
{
	bool ends_line = getter_ends_line(page);
	int len;

	rcu_read_lock();
	len = print(toa_config_get(), page);
	rcu_read_unlock();
	page[len] = '\0';
	if (ends_line)
		len += scnprintf(page + len, PAGE_SIZE - len, "\n");
	return len;
}

static void log_change(const char *name, const char *text)
{
	if (READ_ONCE(loglevel))
		pr_info("%s set to %.*s\n", name, (int)strcspn(text, "\n"), text);
}

static int choose_trusted(const char *text, struct toa_config *config)
{
	int err = toa_text_to_trusted(text, config);

	if (!err)
		trusted_chosen = true;
	return err;
}

static int trusted_set(const char *text, const struct kernel_param *kp)
{
	int err = change(text, choose_trusted);

	if (!err)
		log_change("trusted", text);
	return err;
}

static int trusted_get(char *page, const struct kernel_param *kp)
{
	return show(page, toa_trusted_to_text);
}

static int choose_formats(const char *text, struct toa_config *config)
{
	int err = toa_text_to_formats(text, config);

	if (!err)
		formats_chosen = true;
	return err;
}

static int formats_set(const char *text, const struct kernel_param *kp)
{
	int err = change(text, choose_formats);

	if (!err)
		log_change("formats", text);
	return err;
}

static int formats_get(char *page, const struct kernel_param *kp)
{
	return show(page, toa_formats_config_to_text);
}

static int flag_set(const char *text, const struct kernel_param *kp)
{
	struct kernel_param copy = *kp;
	bool value;
	int err;

	copy.arg = &value;
	err = param_set_bool(text, &copy);
	if (err) {
		pr_err("%s: \"%.*s\" is neither Y nor N\n", kp->name,
		       (int)strcspn(text, "\n"), text);
		return err;
	}
	WRITE_ONCE(*(bool *)kp->arg, value);
	log_change(kp->name, text);
	return 0;
}

static int loglevel_set(const char *text, const struct kernel_param *kp)
{
	unsigned int level;

	if (kstrtouint(text, 10, &level) || level > 2) {
		pr_err("loglevel: \"%.*s\" is not 0, 1 or 2\n",
		       (int)strcspn(text, "\n"), text);
		return -EINVAL;
	}
	WRITE_ONCE(loglevel, level);
	return 0;
}

static int set_defaults(const char *text, struct toa_config *config)
{
	int err = 0;

	if (!formats_chosen)
		err = toa_text_to_formats("toa", config);
	if (err || trusted_chosen)
		return err;
	if (READ_ONCE(loglevel))
		pr_info("trusted=private is the default: any machine in private address space can name a client, and any stranger whose address is rewritten there; better name the balancers, trusted=CIDRs\n");
	return toa_text_to_trusted("private", config);
}

int toa_config_init(void)
{
	return change(NULL, set_defaults);
}

static const struct kernel_param_ops trusted_ops = {
	.set = trusted_set,
	.get = trusted_get,
};

static const struct kernel_param_ops formats_ops = {
	.set = formats_set,
	.get = formats_get,
};

static const struct kernel_param_ops flag_ops = {
	.set = flag_set,
	.get = param_get_bool,
};

static const struct kernel_param_ops loglevel_ops = {
	.set = loglevel_set,
	.get = param_get_uint,
};

module_param_cb(trusted, &trusted_ops, NULL, 0644);
MODULE_PARM_DESC(trusted, "peers whose option is believed: CIDRs, private (default), link-local and loopback, separated by commas; any; or none");
module_param_cb(formats, &formats_ops, NULL, 0644);
MODULE_PARM_DESC(formats, "forms of the option that are read, separated by commas: toa (default), vtoa, cip, ttgw, toa@KIND");
module_param_cb(peername, &flag_ops, &peername, 0644);
MODULE_PARM_DESC(peername, "getpeername() and accept() show the client, default Y");
module_param_cb(insecure_believe_implausible, &flag_ops, &insecure_believe_implausible, 0644);
MODULE_PARM_DESC(insecure_believe_implausible, "believe options too that a balancer cannot have written, default N");
module_param_cb(loglevel, &loglevel_ops, &loglevel, 0644);
MODULE_PARM_DESC(loglevel, "0: errors only, 1: parameter changes (default), 2: each refused option, rate-limited");
