/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "peer.h"

#include "clock.h"
#include "report.h"
#include "tun.h"

#include <string.h>

#define FIRST_PORT 1025

void peer_init(struct peer *peer, struct in6_addr me, const struct endpoint *host)
{
	static uint16_t port = FIRST_PORT;
	static uint32_t isn = 0x7fff0000;

	*peer = (struct peer){ .me = { .addr = me, .port = port }, .host = *host, .seq = isn };
	/* All ports in turn: the next user of this one comes 64000 peers later. */
	port = port == UINT16_MAX ? FIRST_PORT : port + 1;
	isn += 1000003;
}

void peer_send(struct peer *peer, uint8_t flags, struct tcpopts opts, const void *data,
	       size_t len)
{
	struct segment seg = { .src = peer->me, .dst = peer->host, .seq = peer->seq,
			       .flags = flags, .opts = opts, .data = data, .len = len,
			       .long_ip = peer->long_ip };

	if (flags & TCP_ACK)
		seg.ack = peer->ack;
	tun_send(&seg);
}

bool peer_wait(struct peer *peer, uint8_t flags, struct segment *seg)
{
	long deadline = clock_ms() + WAIT_MS;
	long left;

	while ((left = deadline - clock_ms()) > 0 && tun_receive(seg, (int)left)) {
		if ((seg->flags & flags) == flags && endpoint_equal(&seg->dst, &peer->me) &&
		    endpoint_equal(&seg->src, &peer->host))
			return true;
	}
	return false;
}

bool peer_syn(struct peer *peer, struct tcpopts opts)
{
	struct segment seg;

	tun_drain();
	peer_send(peer, TCP_SYN, opts, NULL, 0);
	if (!peer_wait(peer, TCP_SYN | TCP_ACK, &seg)) {
		case_fail("no SYN-ACK from the kernel for %s", endpoint_show(&peer->me));
		return false;
	}
	peer->seq++;
	peer->ack = seg.seq + 1;
	peer->synack_opts = seg.opts;
	return true;
}

void peer_ack(struct peer *peer, struct tcpopts opts)
{
	peer_send(peer, TCP_ACK, opts, NULL, 0);
}

void peer_data(struct peer *peer, struct tcpopts opts, const char *text)
{
	size_t len = strlen(text);

	peer_send(peer, TCP_ACK | TCP_PSH, opts, text, len);
	peer->seq += (uint32_t)len;
}

void peer_fin(struct peer *peer, struct tcpopts opts)
{
	peer_send(peer, TCP_ACK | TCP_FIN, opts, NULL, 0);
	peer->seq++;
}

void peer_rst(struct peer *peer, struct tcpopts opts)
{
	peer_send(peer, TCP_ACK | TCP_RST, opts, NULL, 0);
}

bool peer_take_syn(struct peer *peer)
{
	long deadline = clock_ms() + WAIT_MS;
	struct segment seg;
	long left;

	while ((left = deadline - clock_ms()) > 0 && tun_receive(&seg, (int)left)) {
		if ((seg.flags & (TCP_SYN | TCP_ACK)) != TCP_SYN ||
		    !endpoint_equal(&seg.dst, &peer->me))
			continue;
		peer->host = seg.src;
		peer->ack = seg.seq + 1;
		return true;
	}
	case_fail("the kernel sends no SYN to %s", endpoint_show(&peer->me));
	return false;
}

bool peer_answer(struct peer *peer, struct tcpopts opts)
{
	if (!peer_take_syn(peer))
		return false;
	peer_send(peer, TCP_SYN | TCP_ACK, opts, NULL, 0);
	peer->seq++;
	return true;
}
