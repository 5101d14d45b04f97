// SPDX-License-Identifier: GPL-2.0-only
/*
 * Entry hooks. The kernel patches the function and waits for handlers that
 * still run, so that removal is safe at any moment.
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

static int filter_add(struct toa_hook *hook, const char *symbol, bool first)
{
	/* ftrace's parser writes to the text. */
	unsigned char text[64];
	size_t len = strlen(symbol);

	if (WARN_ON(len >= sizeof(text)))
		return -EINVAL;
	memcpy(text, symbol, len + 1);
	return ftrace_set_filter(&hook->ops, text, len, first);
}

static int filter_add_all(struct toa_hook *hook)
{
	int err = filter_add(hook, hook->symbols[0], true);

	if (err || !hook->symbols[1])
		return err;
	err = filter_add(hook, hook->symbols[1], false);
	return hook->second_optional ? 0 : err;
}

static bool ftrace_add(struct toa_hook *hook)
{
	hook->ops.func = on_ftrace;
	hook->ops.flags = TOA_FTRACE_FLAGS;
	hook->ftraced = !filter_add_all(hook) &&
			!register_ftrace_function(&hook->ops);
	if (!hook->ftraced)
		free_filter(hook);
	return hook->ftraced;
}

static void ftrace_remove(struct toa_hook *hook)
{
	if (!hook->ftraced)
		return;
	unregister_ftrace_function(&hook->ops);
	toa_synchronize_handlers();
	free_filter(hook);
	hook->ftraced = false;
}

#else

static bool ftrace_add(struct toa_hook *hook)
{
	return false;
}

static void ftrace_remove(struct toa_hook *hook)
{
}

#endif

static int on_kprobe(struct kprobe *kp, struct pt_regs *regs)
{
	struct toa_hook_probe *probe = container_of(kp, struct toa_hook_probe, kp);
	unsigned long args[TOA_HOOK_ARGS];
	unsigned int i;

	for (i = 0; i < TOA_HOOK_ARGS; i++)
		args[i] = toa_regs_arg(regs, i);
	probe->hook->handler(args);
	return 0;
}

static int kprobe_add(struct toa_hook *hook, unsigned int i)
{
	struct toa_hook_probe *probe = &hook->probes[i];
	int err;

	probe->kp.symbol_name = hook->symbols[i];
	probe->kp.pre_handler = on_kprobe;
	probe->hook = hook;
	err = register_kprobe(&probe->kp);
	if (err)
		probe->hook = NULL;
	return err;
}

int toa_hook_add(struct toa_hook *hook)
{
	unsigned int i;
	int err;

	if (ftrace_add(hook))
		return 0;
	for (i = 0; i < TOA_HOOK_SYMBOLS && hook->symbols[i]; i++) {
		err = kprobe_add(hook, i);
		if (err == -ENOENT && i && hook->second_optional)
			break;
		if (err) {
			toa_hook_remove(hook);
			return err;
		}
	}
	return 0;
}

void toa_hook_remove(struct toa_hook *hook)
{
	unsigned int i;

	ftrace_remove(hook);
	for (i = 0; i < TOA_HOOK_SYMBOLS; i++) {
		if (!hook->probes[i].hook)
			continue;
		unregister_kprobe(&hook->probes[i].kp);
		hook->probes[i].hook = NULL;
	}
}

unsigned long toa_hook_missed(const struct toa_hook *hook)
{
	unsigned long missed = 0;
	unsigned int i;

	for (i = 0; i < TOA_HOOK_SYMBOLS; i++)
		missed += READ_ONCE(hook->probes[i].kp.nmissed);
	return missed;
}
