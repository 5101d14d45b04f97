/* SPDX-License-Identifier: GPL-2.0-only */
/* Calls a handler at the entry of kernel functions. */
#ifndef TOA_HOOK_H
#define TOA_HOOK_H

#include <linux/ftrace.h>
#include <linux/kprobes.h>
#include <linux/types.h>

#include "compat/ftrace.h"

#define TOA_HOOK_ARGS		3
#define TOA_HOOK_SYMBOLS	2

/* Registering is slow, so functions that need the same handler share a hook. */
struct toa_hook {
	const char *symbols[TOA_HOOK_SYMBOLS];
	/* The kernel may lack the second one. */
	bool second_optional;
	/* Preemption is off; @args are the first arguments of the function. */
	void (*handler)(const unsigned long args[TOA_HOOK_ARGS]);
	/* private */
#ifdef TOA_HOOK_FTRACE
	struct ftrace_ops ops;
	bool ftraced;
#endif
	struct toa_hook_probe {
		struct kprobe kp;
		struct toa_hook *hook;	/* NULL: not registered */
	} probes[TOA_HOOK_SYMBOLS];
};

/* -ENOENT: the kernel has no such function. */
int toa_hook_add(struct toa_hook *hook);

/* On return no handler of @hook runs any more. Harmless if it was not added. */
void toa_hook_remove(struct toa_hook *hook);

/* How often the kernel reports that it skipped the handler. */
unsigned long toa_hook_missed(const struct toa_hook *hook);

#endif
