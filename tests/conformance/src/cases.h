/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The groups of cases and the loop that runs a table of them. */
#ifndef CASES_H
#define CASES_H

#include "server.h"

enum {
	ON_V4 = 1 << SIDE_V4,
	ON_DUAL = 1 << SIDE_DUAL,
	ON_V6 = 1 << SIDE_V6,
	ON_ALL = ON_V4 | ON_DUAL | ON_V6,
	ONCE = 1 << SIDES, /* `side` is NULL */
};

struct testcase {
	const char *name;
	void (*run)(const struct side *side);
	unsigned int on;
};

/* Runs each on each of its sides; the table ends with an empty entry. */
void run_cases(const char *group, const struct testcase *cases);
/* Skips the case where the kernel has no IPv6; true when it may run. */
bool side_available(const struct side *side);

void cases_vectors(void);
void cases_kinds(void);
void cases_implausible(void);
void cases_segment(void);
void cases_rejected(void);
void cases_cookies(void);
void cases_fastopen(void);
void cases_trust(void);
void cases_buffers(void);
void cases_non_tcp(void);
void cases_foreign_options(void);
void cases_accept(void);
void cases_share(void);
void cases_lifetime(void);
void cases_many(void);
void cases_churn(void);

#endif
