/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "timestamps.h"

#include "report.h"

#include <string.h>

#define END_OF_LIST 0
#define NOP 1
#define TIMESTAMP 8
#define TIMESTAMP_LEN 10

static const uint8_t plain[] = { NOP, NOP, TIMESTAMP, TIMESTAMP_LEN, 0, 0, 0, 2, 0, 0, 0, 0 };

struct tcpopts timestamps_syn(void)
{
	static const uint8_t bytes[] = { 2, 4, 5, 0xb4, NOP, NOP, TIMESTAMP, TIMESTAMP_LEN,
					 0, 0, 0, 1, 0, 0, 0, 0 };

	return raw_options(bytes, sizeof(bytes));
}

struct tcpopts timestamps_option(void)
{
	return raw_options(plain, sizeof(plain));
}

/* The place of the next timestamp option from `at` on, or the list's length. */
static unsigned int next_timestamp(const struct tcpopts *opts, unsigned int at)
{
	while (at < opts->len && opts->bytes[at] != END_OF_LIST) {
		unsigned int left = opts->len - at, len;

		if (opts->bytes[at] == NOP) {
			at++;
			continue;
		}
		len = left > 1 ? opts->bytes[at + 1] : 0;
		if (len < 2 || len > left)
			break;
		if (opts->bytes[at] == TIMESTAMP && len == TIMESTAMP_LEN)
			return at;
		at += len;
	}
	return opts->len;
}

bool timestamps_in(const struct tcpopts *opts)
{
	return next_timestamp(opts, 0) < opts->len;
}

bool timestamps_answer(const struct peer *peer, struct tcpopts *opts)
{
	const struct tcpopts *theirs = &peer->synack_opts;
	unsigned int from = next_timestamp(theirs, 0);

	if (from == theirs->len) {
		case_fail("the kernel did not negotiate timestamps");
		return false;
	}
	for (unsigned int at = next_timestamp(opts, 0); at < opts->len;
	     at = next_timestamp(opts, at + TIMESTAMP_LEN)) {
		memcpy(opts->bytes + at + 2, plain + 4, 4);
		memcpy(opts->bytes + at + 6, theirs->bytes + from + 2, 4);
	}
	return true;
}
