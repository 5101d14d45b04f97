/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* TCP segments in IPv4 and IPv6 packets. */
#ifndef PACKET_H
#define PACKET_H

#include "tcpopt.h"

enum {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_PSH = 0x08,
	TCP_ACK = 0x10,
};

#define PACKET_MAX 2048

struct segment {
	struct endpoint src, dst; /* both IPv4-mapped, or neither */
	uint32_t seq, ack;
	uint8_t flags;
	struct tcpopts opts;
	const void *data;
	size_t len;
	bool long_ip; /* when sent: an IP header longer than the usual one */
};

/* The packet's size, checksums filled in. `packet` has PACKET_MAX bytes. */
size_t segment_write(const struct segment *seg, uint8_t *packet);
/* False when the packet is no TCP segment; `data` points into the packet. */
bool segment_read(struct segment *seg, const uint8_t *packet, size_t len);

#endif
