/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The ways to call accept() and getpeername(). */
#define _GNU_SOURCE
#include "cases.h"
#include "clock.h"
#include "conn.h"
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Everything up to the connection waiting in the queue. */
static bool enqueue(struct conn *conn, const struct side *side, const struct endpoint *client)
{
	if (!conn_prepare(conn, side, side->trusted) || !peer_syn(&conn->peer, no_options))
		return false;
	peer_ack(&conn->peer, option_of(client));
	if (server_has_guest(&conn->server, WAIT_MS))
		return true;
	case_fail("the kernel did not complete the handshake");
	return false;
}

static void accept_with(const struct side *side, int flags)
{
	struct endpoint a = client_of(side, 1);
	struct expected expected = answer_of(&a);
	struct conn conn;

	if (enqueue(&conn, side, &a)) {
		conn.name_len = sizeof(conn.name);
		conn.fd = accept4(conn.server.fd, (struct sockaddr *)&conn.name, &conn.name_len,
				  flags);
		if (conn.fd < 0)
			case_fail("accept4: %s", strerror(errno));
		else
			conn_check(&conn, &expected);
		if (!(fcntl(conn.fd, F_GETFL) & O_NONBLOCK) != !(flags & SOCK_NONBLOCK))
			case_fail("accept4: O_NONBLOCK is not as asked");
		if (!(fcntl(conn.fd, F_GETFD) & FD_CLOEXEC) != !(flags & SOCK_CLOEXEC))
			case_fail("accept4: FD_CLOEXEC is not as asked");
	}
	conn_close(&conn);
}

static void accept_flags(const struct side *side)
{
	accept_with(side, 0);
	accept_with(side, SOCK_NONBLOCK);
	accept_with(side, SOCK_CLOEXEC);
	accept_with(side, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static void accept_null(const struct side *side)
{
	struct endpoint a = client_of(side, 1);
	struct expected expected = answer_of(&a);
	struct conn conn;

	if (enqueue(&conn, side, &a)) {
		conn.fd = accept(conn.server.fd, NULL, NULL);
		if (conn.fd < 0)
			case_fail("accept: %s", strerror(errno));
		else
			check_answers(conn.fd, side->family, &conn.peer.me, &expected);
	}
	conn_close(&conn);
}

/* The name is cut off, its true length told, nothing written beyond. */
static void short_name(const struct side *side)
{
	struct endpoint a = client_of(side, 1);
	const struct endpoint *shown;
	struct expected expected = answer_of(&a);
	struct sockaddr_storage full, cut;
	struct conn conn;
	socklen_t want, len;

	if (enqueue(&conn, side, &a)) {
		shown = shows_client(side->family, &expected) ? &a : &conn.peer.me;
		want = endpoint_to_name(shown, side->family, &full);
		for (socklen_t size = 0; size < want; size += 2) {
			memset(&cut, 0x5a, sizeof(cut));
			len = size;
			case_checked();
			if (conn.fd < 0)
				conn.fd = accept(conn.server.fd, (struct sockaddr *)&cut, &len);
			else if (getpeername(conn.fd, (struct sockaddr *)&cut, &len))
				case_fail("getpeername: %s", strerror(errno));
			if (len != want || memcmp(&cut, &full, size) ||
			    ((uint8_t *)&cut)[size] != 0x5a)
				case_fail("a name cut off at %u bytes is wrong (length %u)", size,
					  len);
		}
	}
	conn_close(&conn);
}

void cases_accept(void)
{
	static const struct testcase table[] = {
		{ "accept4 with every flag", accept_flags, ON_ALL },
		{ "accept without an address buffer", accept_null, ON_ALL },
		{ "a short address buffer", short_name, ON_ALL },
		{ 0 },
	};

	run_cases("accept", table);
}
