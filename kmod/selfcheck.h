/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether the kernel calls our hooks. */
#ifndef TOA_SELFCHECK_H
#define TOA_SELFCHECK_H

#include <linux/types.h>

/* Fails where they are not called. From here on that is checked regularly. */
int toa_selfcheck_init(void);
void toa_selfcheck_exit(void);

/* Asks at once; the caller may be preempted and is in no handler of a hook. */
bool toa_selfcheck_hooks_fire(void);

/* As of the last regular check. */
bool toa_selfcheck_probes_fire(void);

/* How many regular checks have failed. */
unsigned long toa_selfcheck_failures(void);

/* The functions that are hooked and probed for the check. */
void toa_selfcheck_hooked(void);
void toa_selfcheck_probed(void);

#endif
