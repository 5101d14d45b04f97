/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The callback of an ftrace_ops: it got pt_regs until 5.11, ftrace_regs since,
 * whose arguments can be read without saving all registers from 6.1 on.
 */
#ifndef TOA_COMPAT_FTRACE_H
#define TOA_COMPAT_FTRACE_H

#include <linux/ftrace.h>

#include "args.h"

/* TOA_NO_FTRACE: for tests of the other way, "make KCFLAGS=-DTOA_NO_FTRACE". */
#if defined(TOA_NO_FTRACE)
#elif defined(CONFIG_DYNAMIC_FTRACE_WITH_ARGS) && defined(TOA_HAVE_FTRACE_REGS_ARGUMENT)
#define TOA_HOOK_FTRACE
#define TOA_FTRACE_SAVE_REGS	0
#elif defined(CONFIG_DYNAMIC_FTRACE_WITH_REGS)
#define TOA_HOOK_FTRACE
#define TOA_FTRACE_SAVE_REGS	FTRACE_OPS_FL_SAVE_REGS
#endif

#ifdef TOA_HOOK_FTRACE

/* Otherwise "sysctl kernel.ftrace_enabled=0" would disable our hooks silently. */
#ifdef TOA_HAVE_FTRACE_PERMANENT
#define TOA_FTRACE_PERMANENT	FTRACE_OPS_FL_PERMANENT
#else
#define TOA_FTRACE_PERMANENT	0
#endif

/* Since 5.11 one asks for the recursion guard; before, it was there unasked. */
#ifdef TOA_HAVE_FTRACE_RECURSION
#define TOA_FTRACE_RECURSION	FTRACE_OPS_FL_RECURSION
#else
#define TOA_FTRACE_RECURSION	0
#endif

#define TOA_FTRACE_FLAGS \
	(TOA_FTRACE_SAVE_REGS | TOA_FTRACE_PERMANENT | TOA_FTRACE_RECURSION)

#ifdef TOA_HAVE_FTRACE_REGS
typedef struct ftrace_regs toa_ftrace_regs;
#else
typedef struct pt_regs toa_ftrace_regs;
#endif

static inline bool toa_ftrace_args(toa_ftrace_regs *fregs, unsigned long *args,
				   unsigned int count)
{
	unsigned int i;
#if defined(CONFIG_DYNAMIC_FTRACE_WITH_ARGS) && defined(TOA_HAVE_FTRACE_REGS_ARGUMENT)
	if (unlikely(!fregs))
		return false;
	for (i = 0; i < count; i++)
		args[i] = ftrace_regs_get_argument(fregs, i);
#else
#ifdef TOA_HAVE_FTRACE_REGS
	struct pt_regs *regs = fregs ? ftrace_get_regs(fregs) : NULL;
#else
	struct pt_regs *regs = fregs;
#endif
	if (unlikely(!regs))
		return false;
	for (i = 0; i < count; i++)
		args[i] = toa_regs_arg(regs, i);
#endif
	return true;
}

#endif /* TOA_HOOK_FTRACE */

#endif
