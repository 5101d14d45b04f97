// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether the kernel calls our hooks. "sysctl kernel.ftrace_enabled=0" turns off
 * ftrace and the kprobes that use it, /sys/kernel/debug/kprobes/enabled all
 * kprobes, and nobody is told. The module would then say of every connection
 * that it carried no option, and never free an entry.
 *
 * Two functions of our own are hooked and probed like those of the kernel, and
 * called to see whether that is noticed: when the module is loaded, every few
 * seconds, and for each question about a socket.
 */
#include <linux/compiler.h>
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/kprobes.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/timer.h>
#include <linux/workqueue.h>

#include "compat/compat.h"
#include "hook.h"
#include "selfcheck.h"
#include "table.h"

#define PERIOD		(5 * HZ)

#define CURE "sysctl kernel.ftrace_enabled=1; echo 1 > /sys/kernel/debug/kprobes/enabled"

struct calls {
	unsigned long hook;
	unsigned long probe;
};

static DEFINE_PER_CPU(struct calls, calls);

/* As of the last regular check. */
static bool hooks_silent;
static bool probes_silent;
static unsigned long failures;

/* The compiler may neither inline them, nor drop the calls, nor make them one. */
noinline void toa_selfcheck_hooked(void)
{
	asm volatile("/* hooked */");
}

noinline void toa_selfcheck_probed(void)
{
	asm volatile("/* probed */");
}

static void on_hook(const unsigned long args[])
{
	this_cpu_inc(calls.hook);
}

static int on_probe(struct kprobe *kp, struct pt_regs *regs)
{
	this_cpu_inc(calls.probe);
	return 0;
}

static struct toa_hook hook = {
	.symbols = { "toa_selfcheck_hooked" },
	.handler = on_hook,
};

static struct kprobe probe = {
	.symbol_name = "toa_selfcheck_probed",
	.pre_handler = on_probe,
};

static bool hooks_fire(void)
{
	unsigned long before;
	bool fire;

	preempt_disable();
	before = this_cpu_read(calls.hook);
	toa_selfcheck_hooked();
	fire = this_cpu_read(calls.hook) != before;
	preempt_enable();
	return fire;
}

static bool probes_fire(void)
{
	unsigned long before;
	bool fire;

	preempt_disable();
	before = this_cpu_read(calls.probe);
	toa_selfcheck_probed();
	fire = this_cpu_read(calls.probe) != before;
	preempt_enable();
	return fire;
}

/* A hook can be passed over for a moment, while others' are being set in the kernel. */
static bool fire_by_now(bool (*fire)(void))
{
	unsigned int tries = 10;

	while (!fire()) {
		if (!tries--)
			return false;
		msleep(20);
	}
	return true;
}

/*
 * Sockets have been closed without our notice: what is bound to them must not
 * reach others.
 */
static void check_hooks(void)
{
	bool silent = !fire_by_now(hooks_fire);

	if (silent)
		WRITE_ONCE(failures, failures + 1);
	if (silent && !hooks_silent) {
		pr_err("the kernel does not call our hooks: no client address is known, also of open connections, until: " CURE "\n");
		toa_table_purge(NULL);
	}
	if (!silent && hooks_silent)
		pr_info("the kernel calls our hooks again: new connections have an address\n");
	WRITE_ONCE(hooks_silent, silent);
}

static void check_probes(void)
{
	bool silent = !fire_by_now(probes_fire);

	if (silent && !probes_silent)
		pr_err("the kernel does not call our probes: getpeername() and accept() show the balancer until: " CURE "\n");
	if (!silent && probes_silent)
		pr_info("the kernel calls our probes again\n");
	WRITE_ONCE(probes_silent, silent);
}

static void check_regularly(struct work_struct *work);
static DECLARE_DELAYED_WORK(regular_check, check_regularly);

static void check_regularly(struct work_struct *work)
{
	check_hooks();
	check_probes();
	schedule_delayed_work(&regular_check, round_jiffies_relative(PERIOD));
}

bool toa_selfcheck_hooks_fire(void)
{
	if (likely(hooks_fire()))
		return true;
	if (!READ_ONCE(hooks_silent))
		mod_delayed_work(system_wq, &regular_check, 0);
	return false;
}

bool toa_selfcheck_probes_fire(void)
{
	return !READ_ONCE(probes_silent);
}

unsigned long toa_selfcheck_failures(void)
{
	return READ_ONCE(failures);
}

int toa_selfcheck_init(void)
{
	int err = toa_hook_add(&hook);

	if (err) {
		pr_err("cannot hook %s: error %d\n", hook.symbols[0], err);
		return err;
	}
	err = register_kprobe(&probe);
	if (err) {
		pr_err("cannot probe %s: error %d\n", probe.symbol_name, err);
		goto err_hook;
	}
	if (!fire_by_now(hooks_fire) || !fire_by_now(probes_fire)) {
		pr_err("the kernel does not call our hooks and would show no connection: " CURE "; then load again\n");
		err = -EOPNOTSUPP;
		goto err_probe;
	}
	schedule_delayed_work(&regular_check, PERIOD);
	return 0;

err_probe:
	unregister_kprobe(&probe);
err_hook:
	toa_hook_remove(&hook);
	return err;
}

void toa_selfcheck_exit(void)
{
	cancel_delayed_work_sync(&regular_check);
	unregister_kprobe(&probe);
	toa_hook_remove(&hook);
}
