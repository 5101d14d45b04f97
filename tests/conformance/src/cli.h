/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the run was asked to do. */
#ifndef CLI_H
#define CLI_H

#include <stdbool.h>

enum source { SOURCE_ANY, SOURCE_EBPF, SOURCE_MODULE, SOURCE_THIRD_PARTY };

struct cli {
	enum source source;
	unsigned int churn; /* connections, 0: none */
	bool peername;	    /* the source rewrites getpeername() */
	bool trust;	    /* the source refuses untrusted peers */
	bool plausible;	    /* the source refuses implausible options */
	bool list;
	bool no_skip;	  /* a skip is a failure */
	bool expect_none; /* only check that no source is there */
	bool here;	  /* in this network namespace, not in a new one */
	const char *only; /* part of a case's name */
	const char *formats; /* that the source reads */
};

extern struct cli cli;

void cli_parse(int argc, char **argv);
/* The source has the 4097 call: all but third-party modules. */
bool cli_has_info(void);

#endif
