/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Which segment counts: the one that completes the handshake, no other. */
#include "cases.h"
#include "conn.h"
#include "report.h"
#include "timestamps.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>

static void syn_only(const struct side *side)
{
	struct endpoint a = client_of(side, 1);
	struct expected none = expect_no(NO_OPTION);
	struct conn conn;

	if (conn_prepare(&conn, side, side->trusted) && peer_syn(&conn.peer, option_of(&a))) {
		peer_ack(&conn.peer, no_options);
		if (conn_accept(&conn))
			conn_check(&conn, &none);
	}
	conn_close(&conn);
}

static void syn_and_ack(const struct side *side)
{
	struct endpoint a = client_of(side, 1), b = client_of(side, 2);
	struct expected expected = answer_of(&b);
	struct conn conn;

	if (conn_prepare(&conn, side, side->trusted) && peer_syn(&conn.peer, option_of(&a))) {
		peer_ack(&conn.peer, option_of(&b));
		if (conn_accept(&conn))
			conn_check(&conn, &expected);
	}
	conn_close(&conn);
}

static void later_data_only(const struct side *side)
{
	struct endpoint a = client_of(side, 1);
	struct expected none = expect_no(NO_OPTION);
	struct conn conn;

	if (conn_open(&conn, side, side->trusted, no_options)) {
		peer_data(&conn.peer, option_of(&a), "hello");
		if (read_text(conn.fd, "hello"))
			conn_check(&conn, &none);
	}
	conn_close(&conn);
}

static void later_data_differs(const struct side *side)
{
	struct endpoint a = client_of(side, 1), b = client_of(side, 2);
	struct expected expected = answer_of(&a);
	struct conn conn;

	if (conn_open(&conn, side, side->trusted, option_of(&a))) {
		conn_check(&conn, &expected);
		peer_data(&conn.peer, option_of(&b), "hello");
		if (read_text(conn.fd, "hello"))
			conn_check(&conn, &expected);
	}
	conn_close(&conn);
}

/* Before accept() has taken the connection from the queue. */
static void second_ack_in_queue(const struct side *side)
{
	struct endpoint a = client_of(side, 1), b = client_of(side, 2);
	struct expected expected = answer_of(&a);
	struct conn conn;

	if (conn_prepare(&conn, side, side->trusted) && peer_syn(&conn.peer, no_options)) {
		peer_ack(&conn.peer, option_of(&a));
		peer_ack(&conn.peer, option_of(&b));
		peer_data(&conn.peer, option_of(&b), "hello");
		if (conn_accept(&conn) && read_text(conn.fd, "hello"))
			conn_check(&conn, &expected);
	}
	conn_close(&conn);
}

static void data_completes(const struct side *side)
{
	struct endpoint a = client_of(side, 1), b = client_of(side, 2);
	struct expected expected = answer_of(&a);
	struct conn conn;

	if (conn_prepare(&conn, side, side->trusted) && peer_syn(&conn.peer, no_options)) {
		peer_data(&conn.peer, option_of(&a), "hello");
		peer_ack(&conn.peer, option_of(&b));
		if (conn_accept(&conn) && read_text(conn.fd, "hello"))
			conn_check(&conn, &expected);
	}
	conn_close(&conn);
}

static void fin_completes(const struct side *side)
{
	struct endpoint a = client_of(side, 1);
	struct expected expected = answer_of(&a);
	struct conn conn;

	if (conn_prepare(&conn, side, side->trusted) && peer_syn(&conn.peer, no_options)) {
		peer_fin(&conn.peer, option_of(&a));
		if (conn_accept(&conn))
			conn_check(&conn, &expected);
	}
	conn_close(&conn);
}

static bool defer(struct conn *conn)
{
	int seconds = 30;

	if (!setsockopt(conn->server.fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds)))
		return true;
	case_fail("TCP_DEFER_ACCEPT: %s", strerror(errno));
	return false;
}

/* The bare ACK is dropped by the kernel, so its option is not the one. */
static void deferred(const struct side *side, const struct tcpopts *in_ack,
		     const struct tcpopts *in_data, const struct expected *expected)
{
	struct conn conn;

	if (conn_prepare(&conn, side, side->trusted) && defer(&conn) &&
	    peer_syn(&conn.peer, no_options)) {
		peer_ack(&conn.peer, *in_ack);
		server_expect_nobody(&conn.server);
		peer_data(&conn.peer, *in_data, "hello");
		if (conn_accept(&conn) && read_text(conn.fd, "hello"))
			conn_check(&conn, expected);
	}
	conn_close(&conn);
}

static void deferred_data_counts(const struct side *side)
{
	struct endpoint a = client_of(side, 1), b = client_of(side, 2);
	struct tcpopts in_ack = option_of(&b), in_data = option_of(&a);
	struct expected expected = answer_of(&a);

	deferred(side, &in_ack, &in_data, &expected);
}

static void deferred_ack_only(const struct side *side)
{
	struct endpoint b = client_of(side, 2);
	struct tcpopts in_ack = option_of(&b);
	struct expected none = expect_no(NO_OPTION);

	deferred(side, &in_ack, &no_options, &none);
}

/* What a real stack negotiates; TOA stands before the timestamps, as DPVS does it. */
static void among_real_options(const struct side *side)
{
	static const uint8_t syn[] = { 2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0,
				       1, 3, 3, 7 };
	struct endpoint a = client_of(side, 1);
	struct expected expected = answer_of(&a);
	struct tcpopts opts = join_options(option_of(&a), timestamps_option());
	struct conn conn;

	if (conn_prepare(&conn, side, side->trusted) &&
	    peer_syn(&conn.peer, raw_options(syn, sizeof(syn))) &&
	    timestamps_answer(&conn.peer, &opts)) {
		peer_ack(&conn.peer, opts);
		if (conn_accept(&conn))
			conn_check(&conn, &expected);
	}
	conn_close(&conn);
}

/* Whoever takes the TCP header to stand at a fixed place finds nothing. */
static void long_ip_header(const struct side *side)
{
	struct endpoint a = client_of(side, 1);
	struct expected expected = answer_of(&a);
	struct conn conn;

	if (conn_prepare(&conn, side, side->trusted) && peer_syn(&conn.peer, no_options)) {
		conn.peer.long_ip = true;
		peer_ack(&conn.peer, option_of(&a));
		if (conn_accept(&conn))
			conn_check(&conn, &expected);
	}
	conn_close(&conn);
}

/* The header ends within the option; the payload would complete it nicely. */
static void payload_is_no_option(const struct side *side)
{
	static const uint8_t start[] = { 254, 8, 0x30, 0x39 };
	static const char rest[] = "\xcb\x71\x71\x07 and so on";
	struct expected invalid = expect_no(INVALID);
	struct conn conn;

	if (conn_prepare(&conn, side, side->trusted) && peer_syn(&conn.peer, no_options)) {
		peer_data(&conn.peer, raw_options(start, sizeof(start)), rest);
		if (conn_accept(&conn) && read_text(conn.fd, rest))
			conn_check(&conn, &invalid);
	}
	conn_close(&conn);
}

/* Without any option the payload starts where options would. */
static void payload_after_no_options(const struct side *side)
{
	static const char like[] = "\xfe\x08\x30\x39\xcb\x71\x71\x07";
	struct expected none = expect_no(NO_OPTION);
	struct conn conn;

	if (conn_prepare(&conn, side, side->trusted) && peer_syn(&conn.peer, no_options)) {
		peer_data(&conn.peer, no_options, like);
		if (conn_accept(&conn) && read_text(conn.fd, like))
			conn_check(&conn, &none);
	}
	conn_close(&conn);
}

void cases_segment(void)
{
	static const struct testcase table[] = {
		{ "an option in the SYN alone is none", syn_only, ON_ALL },
		{ "the ACK counts, not the SYN", syn_and_ack, ON_ALL },
		{ "an option in later data alone is none", later_data_only, ON_ALL },
		{ "later data does not change the answer", later_data_differs, ON_ALL },
		{ "nor does what arrives before accept", second_ack_in_queue, ON_ALL },
		{ "data completes the handshake when the ACK is lost", data_completes, ON_ALL },
		{ "a FIN completes the handshake", fin_completes, ON_ALL },
		{ "deferred accept: the data segment counts", deferred_data_counts, ON_ALL },
		{ "deferred accept: the bare ACK does not", deferred_ack_only, ON_ALL },
		{ "before timestamps that were negotiated", among_real_options, ON_ALL },
		{ "behind an IP header with options", long_ip_header, ON_ALL },
		{ "payload never completes an option", payload_is_no_option, ON_ALL },
		{ "payload is never an option", payload_after_no_options, ON_ALL },
		{ 0 },
	};

	run_cases("segment", table);
}
