/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* TCP option lists, byte by byte. */
#ifndef TCPOPT_H
#define TCPOPT_H

#include "addr.h"

#include <stddef.h>

struct tcpopts {
	uint8_t len; /* a multiple of four when sent */
	uint8_t bytes[40];
};

extern const struct tcpopts no_options;

/* A TOA option of this kind; length 8 for an IPv4 address, 20 for an IPv6 one. */
struct tcpopts toa_option(uint8_t kind, const struct endpoint *client);
/* Any bytes, padded with NOPs at the end. */
struct tcpopts raw_options(const void *bytes, size_t len);
/* `a` and behind it `b`. */
struct tcpopts join_options(struct tcpopts a, struct tcpopts b);

#endif
