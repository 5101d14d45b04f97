/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One of many connections at a time, with listeners that they share. */
#ifndef GUEST_H
#define GUEST_H

#include "ask.h"
#include "peer.h"
#include "server.h"

struct guest {
	const struct server *server;
	struct peer peer;
	int fd; /* -1: the place is free */
	struct expected expected;
};

/* How a guest leaves. */
enum leave {
	LEAVE_PEER_RESETS,
	LEAVE_HOST_RESETS,
	LEAVE_PEER_CLOSES,
	LEAVE_HOST_CLOSES,
	LEAVES,
};

/* Connects with these options and checks every answer. On false the case has failed. */
bool guest_enter(struct guest *guest, struct server *server, struct in6_addr from,
		 struct tcpopts opts, const struct expected *expected);
void guest_check(const struct guest *guest);
void guest_leave(struct guest *guest, enum leave how);

#endif
