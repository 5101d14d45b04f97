/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Segments that the kernel rejects, and resets, carry options in vain. */
#include "cases.h"
#include "conn.h"
#include "report.h"

#include <errno.h>
#include <unistd.h>

#define FAR 0x10000000U /* outside any window */

static void send_at(struct peer *peer, uint32_t seq_off, uint32_t ack_off, uint8_t flags,
		    struct tcpopts opts)
{
	struct peer liar = *peer;

	liar.seq += seq_off;
	liar.ack += ack_off;
	peer_send(&liar, flags, opts, NULL, 0);
}

/* The request stays, so the right ACK completes it afterwards. */
static void wrong_before_right(const struct side *side)
{
	struct endpoint a = client_of(side, 1), b = client_of(side, 2);
	struct expected expected = answer_of(&a);
	struct conn conn;

	if (conn_prepare(&conn, side, side->trusted) && peer_syn(&conn.peer, no_options)) {
		send_at(&conn.peer, 0, 1000, TCP_ACK, option_of(&b));
		send_at(&conn.peer, FAR, 0, TCP_ACK, option_of(&b));
		server_expect_nobody(&conn.server);
		peer_ack(&conn.peer, option_of(&a));
		if (conn_accept(&conn))
			conn_check(&conn, &expected);
	}
	conn_close(&conn);
}

static void send_all_wrong(struct peer *peer, struct tcpopts opts)
{
	send_at(peer, FAR, 0, TCP_ACK, opts);
	send_at(peer, 0, FAR, TCP_ACK, opts);
	send_at(peer, FAR, 0, TCP_RST | TCP_ACK, opts);
	send_at(peer, 0, 0, TCP_SYN, opts);
}

static void wrong_after_accept(const struct side *side, struct tcpopts in_ack,
			       const struct expected *expected)
{
	struct endpoint b = client_of(side, 2);
	struct conn conn;

	if (conn_open(&conn, side, side->trusted, in_ack)) {
		send_all_wrong(&conn.peer, option_of(&b));
		peer_data(&conn.peer, no_options, "hello");
		if (read_text(conn.fd, "hello"))
			conn_check(&conn, expected);
	}
	conn_close(&conn);
}

static void wrong_changes_nothing(const struct side *side)
{
	struct endpoint a = client_of(side, 1);
	struct expected expected = answer_of(&a);

	wrong_after_accept(side, option_of(&a), &expected);
}

static void wrong_adds_nothing(const struct side *side)
{
	struct expected none = expect_no(NO_OPTION);

	wrong_after_accept(side, no_options, &none);
}

static void spoofed_ack(const struct side *side)
{
	struct endpoint a = client_of(side, 1);
	struct segment seg;
	struct conn conn;

	if (conn_prepare(&conn, side, side->trusted)) {
		conn.peer.ack = 0x12345678;
		peer_ack(&conn.peer, option_of(&a));
		if (!peer_wait(&conn.peer, TCP_RST, &seg))
			case_fail("no RST for an ACK out of the blue");
		server_expect_nobody(&conn.server);
	}
	conn_close(&conn);
}

static void fin_changes_nothing(const struct side *side)
{
	struct endpoint a = client_of(side, 1), b = client_of(side, 2);
	struct expected expected = answer_of(&a);
	struct conn conn;

	if (conn_open(&conn, side, side->trusted, option_of(&a))) {
		peer_fin(&conn.peer, option_of(&b));
		conn_check(&conn, &expected);
	}
	conn_close(&conn);
}

/* A dead socket may keep its address or lose it, but has no other one. */
static void check_same_or_none(int fd, const struct endpoint *client)
{
	struct expected expected = answer_of(client);
	struct toa_nat64_peer answer;
	socklen_t len = sizeof(answer);

	if (!ask(fd, TOA_SO_GET_LOOKUP, &answer, &len))
		check_lookup(fd, &expected);
}

static void rst_changes_nothing(const struct side *side)
{
	struct endpoint a = client_of(side, 1), b = client_of(side, 2);
	char byte;
	struct conn conn;

	if (conn_open(&conn, side, side->trusted, option_of(&a))) {
		peer_rst(&conn.peer, option_of(&b));
		if (read(conn.fd, &byte, 1) != -1 || errno != ECONNRESET)
			case_fail("the RST did not arrive");
		check_same_or_none(conn.fd, &a);
	}
	conn_close(&conn);
}

static void rst_in_queue(const struct side *side)
{
	struct endpoint a = client_of(side, 1), b = client_of(side, 2);
	struct conn conn;

	if (conn_prepare(&conn, side, side->trusted) && peer_syn(&conn.peer, no_options)) {
		peer_ack(&conn.peer, option_of(&a));
		peer_rst(&conn.peer, option_of(&b));
		if (conn_accept(&conn))
			check_same_or_none(conn.fd, &a);
	}
	conn_close(&conn);
}

void cases_rejected(void)
{
	static const struct testcase table[] = {
		{ "a wrong ACK before the right one", wrong_before_right, ON_ALL },
		{ "wrong segments change no answer", wrong_changes_nothing, ON_ALL },
		{ "wrong segments give no answer", wrong_adds_nothing, ON_ALL },
		{ "an ACK without a handshake makes no connection", spoofed_ack, ON_ALL },
		{ "a FIN changes no answer", fin_changes_nothing, ON_ALL },
		{ "an RST gives no other answer", rst_changes_nothing, ON_ALL },
		{ "an RST before accept gives no other answer", rst_in_queue, ON_ALL },
		{ 0 },
	};

	run_cases("rejected", table);
}
