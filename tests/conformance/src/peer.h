/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A TCP peer made by hand: it sends exactly the segments it is told to, with
 * exactly these options. What the host sends beyond that it ignores.
 */
#ifndef PEER_H
#define PEER_H

#include "packet.h"

struct peer {
	struct endpoint me, host;
	uint32_t seq; /* the next byte we send */
	uint32_t ack; /* the next byte we expect */
	struct tcpopts synack_opts;
	bool long_ip; /* send IP headers with options */
};

/* A peer at this address with a fresh port and sequence number. */
void peer_init(struct peer *peer, struct in6_addr me, const struct endpoint *host);

/* One segment at the present sequence number, which does not move. */
void peer_send(struct peer *peer, uint8_t flags, struct tcpopts opts, const void *data,
	       size_t len);
/* The next segment to this peer with all of `flags`; false when none comes. */
bool peer_wait(struct peer *peer, uint8_t flags, struct segment *seg);

/* Sends the SYN and takes the SYN-ACK. On false the case has failed. */
bool peer_syn(struct peer *peer, struct tcpopts opts);
/* The bare third ACK of the handshake, or any other. */
void peer_ack(struct peer *peer, struct tcpopts opts);
void peer_data(struct peer *peer, struct tcpopts opts, const char *text);
void peer_fin(struct peer *peer, struct tcpopts opts);
void peer_rst(struct peer *peer, struct tcpopts opts);
/* Takes the SYN of an active open of the host's. On false the case has failed. */
bool peer_take_syn(struct peer *peer);
/* Answers it with a SYN-ACK. */
bool peer_answer(struct peer *peer, struct tcpopts opts);

#endif
