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

static struct toa_config slots[2] = {
	{
		.kinds.bits = {
			[254 / 8] = 1 << (254 % 8) | 1 << (253 % 8),
			[200 / 8] = 1 << (200 % 8),
		},
#define IPV4(a, b, c, d, len) { \
	.addr = { [10] = 0xff, 0xff, a, b, c, d }, .bits = 96 + (len) }
		.nets = {
			IPV4(10, 0, 0, 0, 8),
			IPV4(172, 16, 0, 0, 12),
			IPV4(192, 168, 0, 0, 16),
			IPV4(100, 64, 0, 0, 10),
			IPV4(169, 254, 0, 0, 16),
			IPV4(127, 0, 0, 0, 8),
			{ .addr = { 0xfc }, .bits = 7 },
			{ .addr = { 0xfe, 0x80 }, .bits = 10 },
			{ .addr = { [15] = 1 }, .bits = 128 },
		},
		.nets_count = 9,
	},
};

static struct toa_config __rcu *published = (struct toa_config __force __rcu *)&slots[0];
static DEFINE_MUTEX(change_lock);
static bool peername = true;
static unsigned int loglevel = 1;

const struct toa_config *toa_config_get(void)
{
	return rcu_dereference(published);
}

bool toa_config_peername(void)
{
	return READ_ONCE(peername);
}

bool toa_config_log_refused(void)
{
	return READ_ONCE(loglevel) >= 2;
}

static bool net_contains(const struct toa_net_prefix *net, const u8 addr[16])
{
	unsigned int bytes = net->bits / 8, rest = net->bits % 8;

	if (memcmp(net->addr, addr, bytes))
		return false;
	return !rest || !((net->addr[bytes] ^ addr[bytes]) >> (8 - rest));
}

bool toa_config_trusts(const struct toa_config *config, const u8 peer[16])
{
	bool mapped = toa_addr_is_mapped(peer);
	unsigned int i;

	if (config->trust_any)
		return true;
	for (i = 0; i < config->nets_count; i++) {
		const struct toa_net_prefix *net = &config->nets[i];

		/* ::/0 means IPv6; IPv4 peers are spoken of as IPv4. */
		if (mapped && net->bits < 96)
			continue;
		if (net_contains(net, peer))
			return true;
	}
	return false;
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

static int show(char *page, int (*print)(const struct toa_config *config, char *page))
{
	int len;

	rcu_read_lock();
	len = print(toa_config_get(), page);
	rcu_read_unlock();
	return len;
}

static void log_change(const char *name, const char *text)
{
	if (READ_ONCE(loglevel))
		pr_info("%s set to %.*s\n", name, (int)strcspn(text, "\n"), text);
}

static int trusted_set(const char *text, const struct kernel_param *kp)
{
	int err = change(text, toa_text_to_trusted);

	if (!err)
		log_change("trusted", text);
	return err;
}

static int trusted_get(char *page, const struct kernel_param *kp)
{
	return show(page, toa_trusted_to_text);
}

static int kinds_set(const char *text, const struct kernel_param *kp)
{
	int err = change(text, toa_text_to_kinds);

	if (!err)
		log_change("kinds", text);
	return err;
}

static int kinds_get(char *page, const struct kernel_param *kp)
{
	return show(page, toa_kinds_to_text);
}

static int peername_set(const char *text, const struct kernel_param *kp)
{
	int err = param_set_bool(text, kp);

	if (err)
		pr_err("peername: \"%.*s\" is neither Y nor N\n",
		       (int)strcspn(text, "\n"), text);
	else
		log_change("peername", text);
	return err;
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

static const struct kernel_param_ops trusted_ops = {
	.set = trusted_set,
	.get = trusted_get,
};

static const struct kernel_param_ops kinds_ops = {
	.set = kinds_set,
	.get = kinds_get,
};

static const struct kernel_param_ops peername_ops = {
	.set = peername_set,
	.get = param_get_bool,
};

static const struct kernel_param_ops loglevel_ops = {
	.set = loglevel_set,
	.get = param_get_uint,
};

module_param_cb(trusted, &trusted_ops, NULL, 0644);
MODULE_PARM_DESC(trusted, "peers whose option is believed: CIDRs separated by commas, private (default), or any");
module_param_cb(kinds, &kinds_ops, NULL, 0644);
MODULE_PARM_DESC(kinds, "TCP option kinds that are read, default 254,253,200");
module_param_cb(peername, &peername_ops, &peername, 0644);
MODULE_PARM_DESC(peername, "getpeername() and accept() show the client, default Y");
module_param_cb(loglevel, &loglevel_ops, &loglevel, 0644);
MODULE_PARM_DESC(loglevel, "0: errors only, 1: parameter changes (default), 2: each refused option, rate-limited");
