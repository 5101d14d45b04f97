/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef CHILD_H
#define CHILD_H

/*
 * Runs `fn` in a child process and takes over its case_fail() and case_skip().
 * A child that crashes or hangs fails the case.
 */
void run_in_child(void (*fn)(void *arg), void *arg);

#endif
