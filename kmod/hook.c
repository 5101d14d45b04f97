// SPDX-License-Identifier: GPL-2.0-only
/*
 * Entry hooks. The kernel owns the place that is hooked and the wait for
 * handlers still running, so that removal is safe at any moment.
 *
 * ftrace is preferred to a kprobe: a kprobe is passed over where the CPU is
 * inside any other probe's handler, and since 4.15 interrupts are on there. A
 * handshake that completes just then would lose its address. ftrace guards
 * against recursion for task, softirq and interrupt context apart.
 */
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/string.h>

#include "compat/compat.h"
#include "hook.h"

#ifdef TOA_HOOK_FTRACE

static void on_ftrace(unsigned long ip, unsigned long parent_ip,
		      struct ftrace_ops *op, toa_ftrace_regs *fregs)
{
	struct toa_hook *hook = container_of(op, struct toa_hook, ops);
	unsigned long args[TOA_HOOK_ARGS];

	preempt_disable_notrace();
	if (toa_ftrace_args(fregs, args, TOA_HOOK_ARGS))
		hook->handler(args);
	preempt_enable_notrace();
}

/* An empty filter takes no memory, the one that was set does. */
static void free_filter(struct toa_hook *hook)
{
	ftrace_set_filter(&hook->ops, NULL, 0, 1);
}

static int ftrace_add(struct toa_hook *hook)
{
	/* ftrace's parser writes to the text. */
	unsigned char text[64];
	size_t len = strlen(hook->symbol);
	int err;

	if (WARN_ON(len >= sizeof(text)))
		return -EINVAL;
	memcpy(text, hook->symbol, len + 1);
	hook->ops.func = on_ftrace;
	hook->ops.flags = TOA_FTRACE_FLAGS;
	err = ftrace_set_filter(&hook->ops, text, len, 1);
	if (err)
		return err;
	err = register_ftrace_function(&hook->ops);
	if (err)
		free_filter(hook);
	return err;
}

static void ftrace_remove(struct toa_hook *hook)
{
	unregister_ftrace_function(&hook->ops);
	toa_synchronize_handlers();
	free_filter(hook);
}

#else

static int ftrace_add(struct toa_hook *hook)
{
	return -EOPNOTSUPP;
}

static void ftrace_remove(struct toa_hook *hook)
{
}

#endif

static int on_kprobe(struct kprobe *kp, struct pt_regs *regs)
{
	struct toa_hook *hook = container_of(kp, struct toa_hook, kp);
	unsigned long args[TOA_HOOK_ARGS];
	unsigned int i;

	for (i = 0; i < TOA_HOOK_ARGS; i++)
		args[i] = toa_regs_arg(regs, i);
	hook->handler(args);
	return 0;
}

static int kprobe_add(struct toa_hook *hook)
{
	hook->kp.symbol_name = hook->symbol;
	hook->kp.pre_handler = on_kprobe;
	return register_kprobe(&hook->kp);
}

int toa_hook_add(struct toa_hook *hook)
{
	int err;

	if (!ftrace_add(hook)) {
		hook->state = TOA_HOOK_BY_FTRACE;
		return 0;
	}
	err = kprobe_add(hook);
	if (!err)
		hook->state = TOA_HOOK_BY_KPROBE;
	return err;
}

void toa_hook_remove(struct toa_hook *hook)
{
	if (hook->state == TOA_HOOK_BY_FTRACE)
		ftrace_remove(hook);
	else if (hook->state == TOA_HOOK_BY_KPROBE)
		unregister_kprobe(&hook->kp);
	hook->state = TOA_HOOK_OFF;
}

unsigned long toa_hook_missed(const struct toa_hook *hook)
{
	return hook->state == TOA_HOOK_BY_KPROBE ? hook->kp.nmissed : 0;
}
