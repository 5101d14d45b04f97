/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every parser vector in a bare third ACK. */
#include "cases.h"
#include "conn.h"
#include "report.h"
#include "vectors.h"

static void run_vector(const struct vector *vector, const struct side *side)
{
	struct conn conn;

	if (!case_begin("vectors: %s (%s)", vector->name, side->name))
		return;
	if (side_available(side)) {
		if (conn_open(&conn, side, side->trusted, vector->opts))
			conn_check(&conn, &vector->expected);
		conn_close(&conn);
	}
	case_end();
}

void cases_vectors(void)
{
	const char *cursor = NULL;
	struct vector vector;

	while (vector_next(&cursor, &vector)) {
		for (unsigned int i = 0; i < SIDES; i++)
			run_vector(&vector, &sides[i]);
	}
}
