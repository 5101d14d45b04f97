/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A connection under test: a listener, a hand-made peer, the accepted socket. */
#ifndef CONN_H
#define CONN_H

#include "ask.h"
#include "peer.h"
#include "server.h"

struct conn {
	struct server server;
	struct peer peer;
	int fd;
	struct sockaddr_storage name; /* as accept() gave it */
	socklen_t name_len;
};

/*
 * The steps, each false with the case failed. conn_close() undoes whatever of
 * them was done; the peer leaves with an RST, so that nothing lingers.
 */
bool conn_prepare(struct conn *conn, const struct side *side, const char *from);
bool conn_accept(struct conn *conn);
void conn_close(struct conn *conn);

/*
 * A client that getpeername() on this side can show: number `n`, each one with
 * an address and a port of its own.
 */
struct endpoint client_of(const struct side *side, unsigned int n);
/* The option that names it, and what a socket with it answers. */
struct tcpopts option_of(const struct endpoint *client);
struct expected answer_of(const struct endpoint *client);

/* All of it: a plain SYN, a bare ACK with these options, accept(). */
bool conn_open(struct conn *conn, const struct side *side, const char *from,
	       struct tcpopts ack_opts);
/* Every answer of the accepted socket, accept()'s address included. */
void conn_check(struct conn *conn, const struct expected *expected);

#endif
