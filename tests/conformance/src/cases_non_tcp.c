/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Sockets that have no client: never an address, never a crash. */
#include "cases.h"
#include "conn.h"
#include "report.h"
#include "sysctl.h"
#include "tun.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

struct kind {
	const char *name;
	int family, type, protocol;
	bool everywhere; /* no kernel is built without it */
};

/* Raw sockets of protocol TCP look like TCP to code that checks too little. */
static const struct kind not_tcp[] = {
	{ "a UDP socket", AF_INET, SOCK_DGRAM, 0, true },
	{ "an IPv6 UDP socket", AF_INET6, SOCK_DGRAM, 0, false },
	{ "a raw socket", AF_INET, SOCK_RAW, IPPROTO_ICMP, true },
	{ "a raw TCP socket", AF_INET, SOCK_RAW, IPPROTO_TCP, true },
	{ "a raw IPv6 TCP socket", AF_INET6, SOCK_RAW, IPPROTO_TCP, false },
	{ "a raw IPv6 socket", AF_INET6, SOCK_RAW, IPPROTO_ICMPV6, false },
	{ "an ICMP socket", AF_INET, SOCK_DGRAM, IPPROTO_ICMP, false },
	{ "a UDP-Lite socket", AF_INET, SOCK_DGRAM, 136, false },
	{ "an SCTP socket", AF_INET, SOCK_STREAM, IPPROTO_SCTP, false },
	{ "a unix stream socket", AF_UNIX, SOCK_STREAM, 0, false },
	{ "a unix datagram socket", AF_UNIX, SOCK_DGRAM, 0, false },
	{ "a netlink socket", AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, true },
	{ "a packet socket", AF_PACKET, SOCK_RAW, 0, false },
};

static void must_fail(int fd, int name, const char *what)
{
	uint8_t buffer[64];
	socklen_t len = sizeof(buffer);

	case_checked();
	if (!ask(fd, name, buffer, &len))
		case_fail("%d on %s: got 0, expected an error", name, what);
}

static void on_not_tcp(const struct side *side)
{
	(void)side;
	sysctl_set("net/ipv4/ping_group_range", "0 0"); /* for the ICMP socket */
	for (size_t i = 0; i < sizeof(not_tcp) / sizeof(not_tcp[0]); i++) {
		const struct kind *kind = &not_tcp[i];
		int fd = socket(kind->family, kind->type | SOCK_CLOEXEC, kind->protocol);

		if (fd >= 0) {
			must_fail(fd, TOA_SO_GET_LOOKUP, kind->name);
			must_fail(fd, TOA_SO_GET_INFO, kind->name);
			close(fd);
		} else if (kind->everywhere) {
			case_fail("cannot open %s: %s", kind->name, strerror(errno));
		} else {
			case_note("%s cannot be had here: %s", kind->name, strerror(errno));
		}
	}
}

static void on_not_a_socket(const struct side *side)
{
	int pipes[2];

	(void)side;
	must_fail(-1, TOA_SO_GET_LOOKUP, "no descriptor");
	if (pipe(pipes) < 0) {
		case_fail("pipe: %s", strerror(errno));
		return;
	}
	must_fail(pipes[0], TOA_SO_GET_LOOKUP, "a pipe");
	close(pipes[0]);
	close(pipes[1]);
}

static void on_unconnected(const struct side *side)
{
	int fd = socket(side->family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	check_no_lookup(fd, "an unconnected socket");
	check_idle_info(fd, "an unconnected socket");
	close(fd);
}

static void on_listening(const struct side *side)
{
	struct endpoint a = client_of(side, 1);
	struct conn conn;

	if (conn_prepare(&conn, side, side->trusted)) {
		check_no_lookup(conn.server.fd, "a listener");
		check_idle_info(conn.server.fd, "a listener");
	}
	conn_close(&conn);
	if (conn_open(&conn, side, side->trusted, option_of(&a))) {
		check_no_lookup(conn.server.fd, "a listener that has served");
		check_idle_info(conn.server.fd, "a listener that has served");
	}
	conn_close(&conn);
}

static int start_connect(const struct side *side, struct peer *peer)
{
	int fd = socket(side->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct endpoint nobody = { 0 };
	struct sockaddr_storage name;
	socklen_t len;

	peer_init(peer, address(side->trusted), &nobody);
	tun_drain();
	len = endpoint_to_name(&peer->me, side->family, &name);
	if (connect(fd, (struct sockaddr *)&name, len) < 0 && errno != EINPROGRESS)
		case_fail("connect: %s", strerror(errno));
	return fd;
}

/* An active open: the one who answers is the true peer, whatever it sends. */
static void on_client_side(const struct side *side)
{
	struct endpoint a = client_of(side, 1);
	struct expected none = expect_no(NO_OPTION);
	struct peer peer;
	int fd = start_connect(side, &peer);

	check_no_lookup(fd, "a connecting socket");
	if (peer_answer(&peer, option_of(&a))) {
		peer_data(&peer, option_of(&a), "hello");
		if (read_text(fd, "hello"))
			check_answers(fd, side->family, &peer.me, &none);
		peer_rst(&peer, no_options);
	}
	close(fd);
}

static void on_client_side_of_stranger(const struct side *side)
{
	struct side outside = *side;

	outside.trusted = side->stranger;
	on_client_side(&outside);
}

/*
 * Two SYNs that cross: the kernel ends up where a listener's socket does, but
 * nobody came to a listener.
 */
static void on_crossed_syns(const struct side *side)
{
	struct endpoint a = client_of(side, 1);
	struct expected none = expect_no(NO_OPTION);
	struct segment seg;
	struct peer peer;
	int fd = start_connect(side, &peer);

	if (peer_take_syn(&peer)) {
		peer_send(&peer, TCP_SYN, no_options, NULL, 0);
		if (!peer_wait(&peer, TCP_SYN | TCP_ACK, &seg))
			case_fail("no SYN-ACK for a SYN that crosses the kernel's");
		peer.seq++;
		peer_ack(&peer, option_of(&a));
		peer_data(&peer, no_options, "hello");
		if (read_text(fd, "hello"))
			check_answers(fd, side->family, &peer.me, &none);
		peer_rst(&peer, no_options);
	}
	close(fd);
}

static void only_v6(const struct side *side)
{
	struct endpoint a = client_of(side, 1);
	struct expected expected = answer_of(&a);
	struct sockaddr_storage name;
	struct conn conn;
	socklen_t len;
	int one = 1;

	if (conn_prepare(&conn, side, side->trusted)) {
		server_close(&conn.server);
		conn.server.fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		len = endpoint_to_name(&conn.server.at, AF_INET6, &name);
		if (setsockopt(conn.server.fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) ||
		    bind(conn.server.fd, (struct sockaddr *)&name, len) ||
		    listen(conn.server.fd, 8))
			case_fail("an IPV6_V6ONLY listener: %s", strerror(errno));
		else if (peer_syn(&conn.peer, no_options)) {
			peer_ack(&conn.peer, option_of(&a));
			if (conn_accept(&conn))
				conn_check(&conn, &expected);
		}
	}
	conn_close(&conn);
}

/*
 * A listener of protocol MPTCP gives plain TCP sockets to plain TCP peers, and
 * newer language runtimes open one by default.
 */
static void on_mptcp_listener(const struct side *side)
{
	struct endpoint a = client_of(side, 1);
	struct expected expected = answer_of(&a);
	struct sockaddr_storage name;
	struct conn conn;
	socklen_t len;

	if (conn_prepare(&conn, side, side->trusted)) {
		server_close(&conn.server);
		conn.server.fd = socket(side->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
					IPPROTO_MPTCP);
		len = endpoint_to_name(&conn.server.at, side->family, &name);
		if (conn.server.fd < 0)
			case_absent("this kernel has no MPTCP");
		else if (bind(conn.server.fd, (struct sockaddr *)&name, len) ||
			 listen(conn.server.fd, 8))
			case_fail("an MPTCP listener: %s", strerror(errno));
		else if (peer_syn(&conn.peer, no_options)) {
			peer_ack(&conn.peer, option_of(&a));
			if (conn_accept(&conn))
				conn_check(&conn, &expected);
		}
	}
	conn_close(&conn);
}

void cases_non_tcp(void)
{
	static const struct testcase table[] = {
		{ "sockets that are not TCP", on_not_tcp, ONCE },
		{ "descriptors that are no socket", on_not_a_socket, ONCE },
		{ "an unconnected socket", on_unconnected, ON_V4 | ON_V6 },
		{ "a listener", on_listening, ON_ALL },
		{ "the client side of a connection", on_client_side, ON_V4 | ON_V6 },
		{ "the client side, the server untrusted", on_client_side_of_stranger,
		  ON_V4 | ON_V6 },
		{ "an active open whose SYN is crossed", on_crossed_syns, ON_V4 | ON_V6 },
		{ "an IPV6_V6ONLY listener", only_v6, ON_V6 },
		{ "an MPTCP listener's plain TCP connection", on_mptcp_listener, ON_ALL },
		{ 0 },
	};

	run_cases("odd sockets", table);
}
