/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "malformed.h"

#include "conn.h"
#include "report.h"

#include <unistd.h>

#define END_OF_LIST 0
#define NOP 1
#define TIMESTAMPS 8

bool list_is_malformed(const struct tcpopts *opts)
{
	unsigned int at = 0;

	while (at < opts->len && opts->bytes[at] != END_OF_LIST) {
		if (opts->bytes[at] == NOP) {
			at++;
			continue;
		}
		if (at + 1 >= opts->len || opts->bytes[at + 1] < 2 ||
		    at + opts->bytes[at + 1] > opts->len)
			return true;
		at += opts->bytes[at + 1];
	}
	return false;
}

/*
 * A segment with a malformed list and one without, both with a byte of data at
 * the same place: the byte that arrives tells which one was taken.
 */
static bool try_it(void)
{
	static const uint8_t list[] = { TIMESTAMPS, 0, NOP, NOP, NOP, NOP, NOP, NOP, NOP, NOP,
					NOP, NOP, NOP, NOP, NOP, NOP, NOP, NOP, NOP, NOP };
	const struct side *side = &sides[SIDE_V4];
	struct conn conn;
	char byte = 0;

	if (conn_prepare(&conn, side, side->trusted) && peer_syn(&conn.peer, no_options)) {
		peer_send(&conn.peer, TCP_ACK, raw_options(list, sizeof(list)), "m", 1);
		peer_data(&conn.peer, no_options, "w");
		if (conn_accept(&conn) && read(conn.fd, &byte, 1) != 1)
			case_fail("no data arrived");
	}
	conn_close(&conn);
	return byte == 'w';
}

bool kernel_drops_malformed(void)
{
	static enum { UNKNOWN, NO, YES } drops;

	if (drops == UNKNOWN) {
		drops = try_it() ? YES : NO;
		if (drops == YES)
			case_note("this kernel itself drops segments with a malformed option list");
	}
	return drops == YES;
}
