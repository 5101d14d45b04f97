/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The address lasts as long as the connection, and not longer. */
#include "cases.h"
#include "conn.h"
#include "report.h"
#include "tun.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define REUSES 100

static void after_shutdown(const struct side *side)
{
	struct endpoint a = client_of(side, 1);
	struct expected expected = answer_of(&a);
	struct segment seg;
	struct conn conn;

	if (conn_open(&conn, side, side->trusted, option_of(&a))) {
		shutdown(conn.fd, SHUT_WR);
		peer_wait(&conn.peer, TCP_FIN, &seg);
		conn_check(&conn, &expected); /* half closed */
	}
	conn_close(&conn);
}

/* connect() to AF_UNSPEC takes a socket's connection away, not the socket. */
static bool disconnect(int fd)
{
	struct sockaddr_storage nobody = { .ss_family = AF_UNSPEC };

	if (!connect(fd, (struct sockaddr *)&nobody, sizeof(nobody)))
		return true;
	case_fail("connect to AF_UNSPEC: %s", strerror(errno));
	return false;
}

static void start_connect(int fd, int family, const struct endpoint *to)
{
	struct sockaddr_storage name;
	socklen_t len = endpoint_to_name(to, family, &name);

	tun_drain();
	if (connect(fd, (struct sockaddr *)&name, len) && errno != EINPROGRESS)
		case_fail("connect: %s", strerror(errno));
	check_no_lookup(fd, "a socket that connects again");
}

/* The socket that had an address connects to `other`, which sends none. */
static void connects_to(const struct side *side, struct peer *other, struct conn *conn)
{
	struct expected none = expect_no(NO_OPTION);

	check_no_lookup(conn->fd, "a disconnected socket");
	check_idle_info(conn->fd, "a disconnected socket");
	start_connect(conn->fd, side->family, &other->me);
	if (!peer_answer(other, no_options))
		return;
	peer_data(other, no_options, "hello");
	if (read_text(conn->fd, "hello"))
		check_answers(conn->fd, side->family, &other->me, &none);
	peer_rst(other, no_options);
}

static void connects_out(const struct side *side, bool to_the_same)
{
	struct endpoint a = client_of(side, 1);
	struct endpoint nobody = { 0 };
	struct peer other;
	struct conn conn;

	if (conn_open(&conn, side, side->trusted, option_of(&a)) && disconnect(conn.fd)) {
		peer_init(&other, address(side->trusted), &nobody);
		if (to_the_same)
			other.me = conn.peer.me;
		connects_to(side, &other, &conn);
		conn.peer.ack = 0; /* it left with the disconnect */
	}
	conn_close(&conn);
}

static void connects_elsewhere(const struct side *side)
{
	connects_out(side, false);
}

/* Comparing the peer with the remembered one does not tell these two apart. */
static void connects_back(const struct side *side)
{
	connects_out(side, true);
}

/* The accepted socket becomes a listener; its connections are their own. */
static void becomes_listener(const struct side *side)
{
	struct endpoint a = client_of(side, 1), b = client_of(side, 2);
	struct expected none = expect_no(NO_OPTION), expected = answer_of(&b);
	struct sockaddr_storage name;
	struct endpoint at;
	struct conn conn;
	socklen_t len;

	if (conn_open(&conn, side, side->trusted, option_of(&a)) && disconnect(conn.fd)) {
		server_close(&conn.server);
		conn.server.fd = conn.fd;
		conn.fd = -1;
		if (listen(conn.server.fd, 8))
			case_fail("listen: %s", strerror(errno));
		len = sizeof(name); /* the disconnect took its port */
		if (getsockname(conn.server.fd, (struct sockaddr *)&name, &len) ||
		    !endpoint_from_name(&at, &name, len))
			case_fail("getsockname: %s", strerror(errno));
		conn.server.at.port = at.port;
		check_no_lookup(conn.server.fd, "a socket that became a listener");
		check_idle_info(conn.server.fd, "a socket that became a listener");
		for (int round = 0; round < 2; round++) {
			peer_init(&conn.peer, address(side->trusted), &conn.server.at);
			if (!peer_syn(&conn.peer, no_options))
				break;
			peer_ack(&conn.peer, round ? option_of(&b) : no_options);
			if (!conn_accept(&conn))
				break;
			conn_check(&conn, round ? &expected : &none);
			if (!round)
				close(conn.fd);
		}
	}
	conn_close(&conn);
}

/* The same four numbers again, the memory just freed: with and without, in turn. */
static void same_peer_again(const struct side *side)
{
	struct server server;
	struct peer first, again;
	struct expected expected;
	struct endpoint client;
	struct sockaddr_storage name;
	socklen_t len;
	int fd;

	if (!server_open(&server, side, 8))
		return;
	peer_init(&first, address(side->trusted), &server.at);
	for (unsigned int i = 0; i < REUSES && !case_failures()[0]; i++) {
		client = client_of(side, i);
		expected = i % 2 ? expect_no(NO_OPTION) : answer_of(&client);
		again = first;
		again.seq += i * 100000;
		if (!peer_syn(&again, no_options))
			break;
		peer_ack(&again, i % 2 ? no_options : option_of(&client));
		fd = server_accept(&server, &name, &len);
		if (fd < 0)
			break;
		check_name("accept", &name, len, side->family, &again.me, &expected);
		check_answers(fd, side->family, &again.me, &expected);
		peer_rst(&again, no_options);
		close(fd);
	}
	server_close(&server);
}

/* IPV6_ADDRFORM turns it into an AF_INET socket, whose rules then apply. */
static void changes_family(const struct side *side)
{
	struct endpoint six = endpoint("2001:db8::9", 4711), four = endpoint("198.51.100.9", 4711);
	const struct endpoint *clients[] = { &six, &four };
	int family = AF_INET;

	for (int i = 0; i < 2; i++) {
		struct expected expected = answer_of(clients[i]);
		struct conn conn;

		if (conn_open(&conn, side, side->trusted, option_of(clients[i]))) {
			if (setsockopt(conn.fd, IPPROTO_IPV6, IPV6_ADDRFORM, &family,
				       sizeof(family)))
				case_absent("this kernel has no IPV6_ADDRFORM: %s", strerror(errno));
			else
				check_answers(conn.fd, AF_INET, &conn.peer.me, &expected);
		}
		conn_close(&conn);
	}
}

void cases_lifetime(void)
{
	static const struct testcase table[] = {
		{ "after a shutdown", after_shutdown, ON_ALL },
		{ "a socket that connects elsewhere", connects_elsewhere, ON_ALL },
		{ "a socket that connects back to its peer", connects_back, ON_ALL },
		{ "a socket that becomes a listener", becomes_listener, ON_ALL },
		{ "the same peer and port again and again", same_peer_again, ON_ALL },
		{ "a socket that changes its family", changes_family, ON_DUAL },
		{ 0 },
	};

	run_cases("lifetime", table);
}
