/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The host's side: listening sockets of the kernel, one kind after the other. */
#ifndef SERVER_H
#define SERVER_H

#include "addr.h"

/* A kind of listener together with the family of the peers that reach it. */
struct side {
	const char *name;
	int family; /* of the listening socket */
	bool v6;    /* of the packets */
	const char *trusted, *stranger; /* a peer's address by default */
};

enum { SIDE_V4, SIDE_DUAL, SIDE_V6, SIDES };
extern const struct side sides[SIDES];

struct server {
	const struct side *side;
	int fd;
	struct endpoint at; /* as its peers address it */
};

/* Listens on a port of its own, non-blocking. On false the case has failed. */
bool server_open(struct server *server, const struct side *side, int backlog);
void server_close(struct server *server);
/* Whether a connection waits to be accepted, or does so within this time. */
bool server_has_guest(struct server *server, int timeout_ms);
/* The connected descriptor; -1 with the case failed when none comes. */
int server_accept(struct server *server, struct sockaddr_storage *name, socklen_t *len);
/* Nothing waits to be accepted. Fails the case otherwise. */
void server_expect_nobody(struct server *server);

/* Reads until `text` has arrived; fails the case otherwise. */
bool read_text(int fd, const char *text);

#endif
