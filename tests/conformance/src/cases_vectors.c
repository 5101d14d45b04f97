/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every parser vector of the formats that the source reads, in a bare third ACK. */
#include "cases.h"
#include "cli.h"
#include "conn.h"
#include "malformed.h"
#include "report.h"
#include "timestamps.h"
#include "vectors.h"

#include <string.h>

/* A segment is taken in while it is written, so this is ample. */
#define DROPPED_AFTER_MS 100

/*
 * The handshake with this list in the bare ACK. Where the kernel drops that
 * segment, another ACK completes it, and the list has counted for nothing.
 */
static void handshake(struct conn *conn, const struct vector *vector)
{
	struct expected expected = vector->expected;
	struct tcpopts opts = vector->opts;
	bool stamped = timestamps_in(&opts);

	if (!peer_syn(&conn->peer, stamped ? timestamps_syn() : no_options) ||
	    (stamped && !timestamps_answer(&conn->peer, &opts)))
		return;
	peer_ack(&conn->peer, opts);
	if (list_is_malformed(&vector->opts) && kernel_drops_malformed() &&
	    !server_has_guest(&conn->server, DROPPED_AFTER_MS)) {
		expected = expect_no(NO_OPTION);
		peer_ack(&conn->peer, no_options);
	}
	if (conn_accept(conn))
		conn_check(conn, &expected);
}

static void run_vector(const struct vector *vector, const struct side *side)
{
	struct conn conn;

	if (!case_begin("vectors: %s (%s)", vector->name, side->name))
		return;
	if (side_available(side)) {
		if (conn_prepare(&conn, side, side->trusted))
			handshake(&conn, vector);
		conn_close(&conn);
	}
	case_end();
}

void cases_vectors(void)
{
	const char *cursor = NULL;
	struct vector vector;

	while (vector_next(&cursor, &vector)) {
		if (!cli.list && strcmp(vector.formats, cli.formats))
			continue;
		for (unsigned int i = 0; i < SIDES; i++)
			run_vector(&vector, &sides[i]);
	}
}
