/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the suite prints: one line per case, a summary, and the exit code.
 *
 *	if (!case_begin("the name"))
 *		return;			// not asked for, or only listed
 *	... case_fail("got ..., expected ...") or case_skip("the reason") ...
 *	case_end();
 */
#ifndef REPORT_H
#define REPORT_H

#include <stdbool.h>

/* Longest time a single case may take before the whole run is given up. */
#define CASE_LIMIT_SECONDS 120

__attribute__((format(printf, 1, 2))) bool case_begin(const char *format, ...);
__attribute__((format(printf, 1, 2))) void case_fail(const char *format, ...);
__attribute__((format(printf, 1, 2))) void case_skip(const char *format, ...);
/*
 * A skip that is never a failure: the kernel lacks a feature that the contract
 * does not ask for, so there is nothing to check.
 */
__attribute__((format(printf, 1, 2))) void case_absent(const char *format, ...);
/* A line of its own for a reader, no verdict. */
__attribute__((format(printf, 1, 2))) void case_note(const char *format, ...);
/* Something was compared. A case in which nothing was has failed, unless it was skipped. */
void case_checked(void);
bool case_has_checked(void);
void case_end(void);

/* Restarts the clock of a case that is long but gets on. */
void case_alive(void);
/* What case_fail() was told so far in this case, "" when nothing. */
const char *case_failures(void);
/* Why it is to be skipped, "" when it is not. */
const char *case_skip_reason(void);

/* Gives the run up: prints the reason and exits with 1. */
__attribute__((format(printf, 1, 2), noreturn)) void bail_out(const char *format, ...);
/* Prints the last line; the exit code of the run. */
int report_summary(void);

#endif
