/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tcpopt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOP 1

const struct tcpopts no_options;

struct tcpopts raw_options(const void *bytes, size_t len)
{
	struct tcpopts opts = no_options;

	if (len > sizeof(opts.bytes)) {
		fprintf(stderr, "a TCP header has no room for %zu option bytes\n", len);
		exit(2);
	}
	memset(opts.bytes, NOP, sizeof(opts.bytes));
	if (len)
		memcpy(opts.bytes, bytes, len);
	opts.len = (uint8_t)((len + 3) / 4 * 4);
	return opts;
}

struct tcpopts toa_option(uint8_t kind, const struct endpoint *client)
{
	bool v4 = address_is_v4(&client->addr);
	uint8_t bytes[20] = { kind, v4 ? 8 : 20, (uint8_t)(client->port >> 8),
			      (uint8_t)client->port };

	if (v4)
		memcpy(bytes + 4, &client->addr.s6_addr[12], 4);
	else
		memcpy(bytes + 4, &client->addr, 16);
	return raw_options(bytes, v4 ? 8 : 20);
}

struct tcpopts join_options(struct tcpopts a, struct tcpopts b)
{
	uint8_t bytes[80];

	memcpy(bytes, a.bytes, a.len);
	memcpy(bytes + a.len, b.bytes, b.len);
	return raw_options(bytes, (size_t)a.len + b.len);
}
