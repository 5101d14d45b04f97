/* SPDX-License-Identifier: GPL-2.0-only */
/* To be called at the entry of a kernel function. */
#ifndef TOA_HOOK_H
#define TOA_HOOK_H

#include <linux/ftrace.h>
#include <linux/kprobes.h>
#include <linux/types.h>

#include "compat/ftrace.h"

#define TOA_HOOK_ARGS	2

struct toa_hook {
	const char *symbol;
	/* Preemption is off; @args are the first arguments of the function. */
	void (*handler)(const unsigned long args[TOA_HOOK_ARGS]);
	/* private */
	enum { TOA_HOOK_OFF, TOA_HOOK_BY_FTRACE, TOA_HOOK_BY_KPROBE } state;
#ifdef TOA_HOOK_FTRACE
	struct ftrace_ops ops;
#endif
	struct kprobe kp;
};

/* -ENOENT: the kernel has no such function. */
int toa_hook_add(struct toa_hook *hook);

/* On return no handler of @hook runs any more. Harmless if it was not added. */
void toa_hook_remove(struct toa_hook *hook);

/* How often the kernel knows that it passed over the handler. */
unsigned long toa_hook_missed(const struct toa_hook *hook);

#endif
