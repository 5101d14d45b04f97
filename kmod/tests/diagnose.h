/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DIAGNOSE_H
#define DIAGNOSE_H

/*
 * Makes connections with options that give no address, in a network namespace of
 * its own, and prints what the module says of them there; the exit code.
 */
int diagnose(void);

#endif
