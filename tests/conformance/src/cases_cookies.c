/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* SYN cookies: no request exists, the ACK alone makes the socket. */
#include "cases.h"
#include "conn.h"
#include "report.h"
#include "sysctl.h"
#include "tun.h"

#define SMALL_BACKLOG 8
/* More than any kernel's SYN queue holds with that backlog. */
#define FLOOD 64

static void flood(struct conn *conn)
{
	struct in6_addr from = conn->peer.me.addr;
	struct peer stranger;

	for (unsigned int i = 0; i < FLOOD; i++) {
		from.s6_addr[14]++;
		peer_init(&stranger, from, &conn->server.at);
		peer_send(&stranger, TCP_SYN, no_options, NULL, 0);
		tun_drain();
	}
}

/* A SYN that the kernel answered with a cookie. */
static bool syn_for_cookie(struct conn *conn, struct tcpopts opts)
{
	long before = tcpext_counter("SyncookiesSent");

	if (!peer_syn(&conn->peer, opts))
		return false;
	return before >= 0 && tcpext_counter("SyncookiesSent") > before;
}

/*
 * Kernels with the setting per namespace send cookies when told to; others do
 * once the SYN queue is full.
 */
static bool prepare(struct conn *conn, const struct side *side, const char *from,
		    struct tcpopts syn_opts)
{
	if (!conn_prepare(conn, side, from))
		return false;
	sysctl_set("net/ipv4/tcp_syncookies", "2");
	if (syn_for_cookie(conn, syn_opts))
		return true;
	conn_close(conn);
	if (!conn_prepare(conn, side, from))
		return false;
	server_close(&conn->server);
	if (!server_open(&conn->server, side, SMALL_BACKLOG))
		return false;
	conn->peer.host = conn->server.at;
	flood(conn);
	if (syn_for_cookie(conn, syn_opts))
		return true;
	case_skip("this kernel sends no SYN cookies");
	return false;
}

static void finish(struct conn *conn)
{
	conn_close(conn);
	sysctl_set("net/ipv4/tcp_syncookies", "1");
}

static void handshake(const struct side *side, const char *from, struct tcpopts syn_opts,
		      struct tcpopts ack_opts, const char *data, const struct expected *expected)
{
	struct conn conn;

	if (prepare(&conn, side, from, syn_opts)) {
		if (data)
			peer_data(&conn.peer, ack_opts, data);
		else
			peer_ack(&conn.peer, ack_opts);
		if (conn_accept(&conn) && (!data || read_text(conn.fd, data)))
			conn_check(&conn, expected);
	}
	finish(&conn);
}

static void in_ack(const struct side *side)
{
	struct endpoint a = client_of(side, 1);
	struct expected expected = answer_of(&a);

	handshake(side, side->trusted, no_options, option_of(&a), NULL, &expected);
}

static void in_data(const struct side *side)
{
	struct endpoint a = client_of(side, 1);
	struct expected expected = answer_of(&a);

	handshake(side, side->trusted, no_options, option_of(&a), "hello", &expected);
}

static void in_syn(const struct side *side)
{
	struct endpoint a = client_of(side, 1);
	struct expected none = expect_no(NO_OPTION);

	handshake(side, side->trusted, option_of(&a), no_options, NULL, &none);
}

static void from_stranger(const struct side *side)
{
	struct endpoint a = client_of(side, 1);
	struct expected expected = expect_from_stranger(answer_of(&a));

	handshake(side, side->stranger, no_options, option_of(&a), NULL, &expected);
}

static void full_list(const struct side *side)
{
	static const uint8_t filler[20] = { 252, 20 };
	struct endpoint six = endpoint("2001:db8::9", 4711);
	struct expected expected = expect_implausible(254, &six);

	handshake(side, side->trusted, no_options,
		  join_options(toa_option(254, &six), raw_options(filler, sizeof(filler))), NULL,
		  &expected);
}

static void wrong_cookie(const struct side *side)
{
	struct endpoint a = client_of(side, 1), b = client_of(side, 2);
	struct expected expected = answer_of(&a);
	struct segment seg;
	struct conn conn;

	if (prepare(&conn, side, side->trusted, no_options)) {
		conn.peer.ack += 0x01010101;
		peer_ack(&conn.peer, option_of(&b));
		if (!peer_wait(&conn.peer, TCP_RST, &seg))
			case_fail("no RST for a wrong cookie");
		server_expect_nobody(&conn.server);
		conn.peer.ack -= 0x01010101;
		peer_ack(&conn.peer, option_of(&a));
		if (conn_accept(&conn))
			conn_check(&conn, &expected);
	}
	finish(&conn);
}

void cases_cookies(void)
{
	static const struct testcase table[] = {
		{ "the ACK counts", in_ack, ON_ALL },
		{ "data that completes the handshake counts", in_data, ON_ALL },
		{ "the SYN does not count", in_syn, ON_ALL },
		{ "an untrusted peer is refused", from_stranger, ON_ALL },
		{ "an implausible list is refused", full_list, ON_ALL },
		{ "a wrong cookie makes no connection", wrong_cookie, ON_ALL },
		{ 0 },
	};

	run_cases("SYN cookies", table);
}
