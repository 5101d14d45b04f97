/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "conn.h"

#include <string.h>
#include <unistd.h>

#define BACKLOG 64
#define KIND 254

bool conn_prepare(struct conn *conn, const struct side *side, const char *from)
{
	memset(conn, 0, sizeof(*conn));
	conn->fd = -1;
	if (!server_open(&conn->server, side, BACKLOG))
		return false;
	peer_init(&conn->peer, address(from), &conn->server.at);
	return true;
}

bool conn_accept(struct conn *conn)
{
	conn->fd = server_accept(&conn->server, &conn->name, &conn->name_len);
	return conn->fd >= 0;
}

struct endpoint client_of(const struct side *side, unsigned int n)
{
	struct endpoint client =
		endpoint(side->family == AF_INET ? "198.18.0.0" : "2001:db8:c::", 0);

	client.addr.s6_addr[13] |= n >> 16 & 1; /* 198.18/15 has 17 bits */
	client.addr.s6_addr[14] = (uint8_t)(n >> 8);
	client.addr.s6_addr[15] = (uint8_t)n;
	client.port = (uint16_t)(40000 + n % 20000);
	return client;
}

struct tcpopts option_of(const struct endpoint *client)
{
	return toa_option(KIND, client);
}

struct expected answer_of(const struct endpoint *client)
{
	return expect_client(KIND, client);
}

bool conn_open(struct conn *conn, const struct side *side, const char *from,
	       struct tcpopts ack_opts)
{
	if (!conn_prepare(conn, side, from) || !peer_syn(&conn->peer, no_options))
		return false;
	peer_ack(&conn->peer, ack_opts);
	return conn_accept(conn);
}

void conn_close(struct conn *conn)
{
	if (conn->peer.ack)
		peer_rst(&conn->peer, no_options);
	if (conn->fd >= 0)
		close(conn->fd);
	conn->fd = -1;
	server_close(&conn->server);
}

void conn_check(struct conn *conn, const struct expected *expected)
{
	int family = conn->server.side->family;

	check_name("accept", &conn->name, conn->name_len, family, &conn->peer.me, expected);
	check_answers(conn->fd, family, &conn->peer.me, expected);
}
