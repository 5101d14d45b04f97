/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* A segment as a cgroup's ingress sees it, from its IP header on. */
#ifndef TOA_WATCH_SEGMENT_H
#define TOA_WATCH_SEGMENT_H

#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>

#include "addr.h"
#include "toa_formats.h"

#define IPV6_LEN		40
#define TCP_FIXED_LEN		20
#define TCP_OPTIONS_MAX		40
#define TCP_FLAG_SYN		0x02
#define TCP_FLAG_ACK		0x10
#define TCPOPT_EOL		0
#define TCPOPT_NOP		1
/* All that most segments have: two NOPs and a timestamp. */
#define TCP_STAMP_LEN		12
#define TCP_STAMP_ALONE		bpf_htonl(0x0101080a)

struct toa_segment {
	__u32  local[4];
	__u32  peer[4];
	__be16 peer_port;
	__be16 local_port;
	__be32 seq;
	__be32 ack;
	__u8   doff;
	__u8   flags;
	__u16  options;		/* where its option list begins */
	__u16  end;		/* and ends */
};

/* 0: it is none, or stands behind extension headers. */
static __always_inline int toa_segment_read(struct __sk_buff *skb,
					    struct toa_segment *segment)
{
	__u32 at = IPV6_LEN;
	__u8 head[IPV6_LEN];

	if (bpf_skb_load_bytes(skb, 0, head, 20))
		return 0;
	if (head[0] >> 4 == 4) {
		if (head[9] != IPPROTO_TCP)
			return 0;
		at = (head[0] & 15) * 4;
		segment->peer[2] = segment->local[2] = TOA_MAPPED;
		__builtin_memcpy(&segment->peer[3], head + 12, 4);
		__builtin_memcpy(&segment->local[3], head + 16, 4);
	} else {
		if (bpf_skb_load_bytes(skb, 0, head, IPV6_LEN) || head[6] != IPPROTO_TCP)
			return 0;
		__builtin_memcpy(segment->peer, head + 8, 16);
		__builtin_memcpy(segment->local, head + 24, 16);
	}
	/* Ports, the two numbers, the length and the flags stand as in the header. */
	if (bpf_skb_load_bytes(skb, at, &segment->peer_port, 14))
		return 0;
	segment->options = at + TCP_FIXED_LEN;
	segment->end = at + (segment->doff >> 4) * 4;
	return 1;
}

static __always_inline int toa_option_is_standard(__u32 kind, __u32 len)
{
#define TOA_IS(assigned) || kind == assigned
	/* RFC 7413's experimental cookies and SMC's marks are no addresses. */
	if (kind >= 253)
		return len == 4 || len == 6 || len == 12;
	/* The user timeout option shares its kind with the format cip. */
	if (kind == 28)
		return len == 4;
	return 0 TOA_FOR_EACH_ASSIGNED_KIND(TOA_IS);
#undef TOA_IS
}

/* Kind and length of the first option that is no standard one, as kind << 8 | length. */
static __always_inline __u32 toa_segment_option(struct __sk_buff *skb,
						const struct toa_segment *segment)
{
	__u32 at = segment->options, first = 0;

	if (segment->end == at + TCP_STAMP_LEN &&
	    !bpf_skb_load_bytes(skb, at, &first, 4) && first == TCP_STAMP_ALONE)
		return 0;
	for (int i = 0; i < TCP_OPTIONS_MAX; i++) {
		__u8 option[2] = {};

		if (at + 2 > segment->end || bpf_skb_load_bytes(skb, at, option, 2) ||
		    option[0] == TCPOPT_EOL)
			return 0;
		if (option[0] == TCPOPT_NOP) {
			at++;
			continue;
		}
		if (option[1] < 2)
			return 0;
		if (!toa_option_is_standard(option[0], option[1]))
			return option[0] << 8 | option[1];
		at += option[1];
	}
	return 0;
}

#endif
