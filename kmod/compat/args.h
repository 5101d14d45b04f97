/* SPDX-License-Identifier: GPL-2.0-only */
/* The arguments of a probed function at its entry, by position. */
#ifndef TOA_COMPAT_ARGS_H
#define TOA_COMPAT_ARGS_H

#include <linux/ptrace.h>
#include <linux/types.h>

/* regs_get_kernel_argument() came in 4.20; before, each architecture by hand. */
static inline unsigned long toa_regs_arg(struct pt_regs *regs, unsigned int n)
{
#if defined(CONFIG_HAVE_FUNCTION_ARG_ACCESS_API)
	return regs_get_kernel_argument(regs, n);
#elif defined(CONFIG_X86_64)
	switch (n) {
	case 0: return regs->di;
	case 1: return regs->si;
	case 2: return regs->dx;
	default: return regs->cx;
	}
#elif defined(CONFIG_ARM64)
	return regs->regs[n];
#elif defined(CONFIG_ARM)
	return regs->uregs[n];
#elif defined(CONFIG_PPC)
	return regs->gpr[3 + n];
#elif defined(CONFIG_S390)
	return regs->gprs[2 + n];
#elif defined(CONFIG_MIPS) || defined(CONFIG_LOONGARCH)
	return regs->regs[4 + n];
#else
#error "toa: add this architecture's argument registers to compat/args.h"
#endif
}

#endif
