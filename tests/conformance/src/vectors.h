/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The parser's test vectors, tests/vectors/toa-options.txt, built into the binary. */
#ifndef VECTORS_H
#define VECTORS_H

#include "ask.h"
#include "tcpopt.h"

struct vector {
	char name[64];
	struct tcpopts opts;
	struct expected expected; /* from a trusted peer */
	char formats[64];	  /* that the source must read */
};

/* The vector behind the last one; false at the end. `*cursor` starts as NULL. */
bool vector_next(const char **cursor, struct vector *vector);

#endif
