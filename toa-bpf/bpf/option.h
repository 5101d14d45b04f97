/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Finds the TOA option in the header of the segment that opens a connection. */
#ifndef TOA_OPTION_H
#define TOA_OPTION_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "addr.h"
#include "config.h"
#include "table.h"

#define TCP_FIXED_LEN	20
#define TCP_DATA_OFFSET	12
#define TCP_FLAGS	13
#define TCP_FLAG_SYN	0x02
#define TCP_OPTIONS_MAX	40
#define TCPOPT_EOL	0
#define TCPOPT_NOP	1
#define TCPOPT_TIMESTAMP	8
#define TIMESTAMP_LEN	10
#define TIMESTAMP_PADDED	12
#define TOA_LEN_IPV4	8
#define TOA_LEN_IPV6	20

/* What a step says: an offset below 64 and these. */
#define STEP_OFFSET	63U
#define STEP_END	(1U << 8)
#define STEP_FOUND	(1U << 9)
#define STEP_INVALID	(1U << 10)

enum toa_found { TOA_NONE, TOA_BAD, TOA_OPTION };

/*
 * Looks at the option at offset off of the option list. A function of its own,
 * not inlined: the verifier then checks it once instead of once per round, which
 * is what keeps the walk below its limit on every kernel. The mask bounds the
 * offset where the verifier can see it.
 */
__noinline int toa_option_step(struct bpf_sock_ops *ctx, __u32 off)
{
	const struct toa_config *config = toa_get_config();
	__u8 *data, *end, *at;
	__u32 len;
	int ours;

	if (!ctx || !config)
		return STEP_END;
	data = (void *)(long)ctx->skb_data;
	end = (void *)(long)ctx->skb_data_end;
	off &= STEP_OFFSET;
	at = data + TCP_FIXED_LEN + off;
	if (at + 1 > end || at[0] == TCPOPT_EOL)
		return STEP_END;
	if (at[0] == TCPOPT_NOP)
		return off + 1;
	if (at + 2 > end)
		return STEP_END;
	len = at[1];
	ours = config->kinds[at[0] >> 6] >> (at[0] & 63) & 1;
	if (len < 2 || at + len > end)
		return STEP_END | (ours ? STEP_INVALID : 0);
	if (!ours)
		return off + len;
	if (len == TOA_LEN_IPV4 || len == TOA_LEN_IPV6)
		return off | STEP_FOUND;
	return (off + len) | STEP_INVALID;
}

/* Reads the option that a step found at off into conn. */
static __always_inline int toa_option_read(struct bpf_sock_ops *ctx, __u32 off,
					   struct toa_conn *conn)
{
	__u8 *end = (void *)(long)ctx->skb_data_end;
	__u8 *at = (void *)(long)ctx->skb_data;

	at += TCP_FIXED_LEN + (off & STEP_OFFSET);
	if (at + TOA_LEN_IPV4 > end)
		return -1;
	conn->kind = at[0];
	__builtin_memcpy(&conn->client_port, at + 2, 2);
	if (at[1] == TOA_LEN_IPV4) {
		conn->client[2] = TOA_MAPPED;
		__builtin_memcpy(&conn->client[3], at + 4, 4);
		return 0;
	}
	if (at + TOA_LEN_IPV6 > end)
		return -1;
	__builtin_memcpy(conn->client, at + 4, 16);
	return 0;
}

/*
 * A Fast Open SYN makes a socket before its sender has shown that it receives what
 * is sent to its address: what it says of itself counts for nothing.
 */
static __always_inline int toa_is_syn(struct bpf_sock_ops *ctx)
{
	__u8 *end = (void *)(long)ctx->skb_data_end;
	__u8 *at = (void *)(long)ctx->skb_data;

	return at + TCP_FIXED_LEN > end || at[TCP_FLAGS] & TCP_FLAG_SYN;
}

/* Looks at offset off at what stands beside the counted option, as above. */
__noinline int toa_option_rest_step(struct bpf_sock_ops *ctx, __u32 off)
{
	__u8 *end, *at;

	if (!ctx)
		return STEP_END;
	end = (void *)(long)ctx->skb_data_end;
	at = (void *)(long)ctx->skb_data;
	off &= STEP_OFFSET;
	at += TCP_FIXED_LEN + off;
	if (at + 1 > end)
		return STEP_END;
	if (at[0] == TCPOPT_EOL || at[0] == TCPOPT_NOP)
		return off + 1;
	if (at + TIMESTAMP_LEN > end || at[0] != TCPOPT_TIMESTAMP ||
	    at[1] != TIMESTAMP_LEN)
		return STEP_INVALID;
	return (off + TIMESTAMP_LEN) | STEP_FOUND;
}

/*
 * Whether a list without room for another option of the counted one's size can be a
 * balancer's all the same: the rest of it is padding and one timestamp option, and no
 * more padding than those two need. Whether the connection negotiated timestamps is
 * not asked: no helper of Linux 5.10 tells, and a stranger can negotiate them anyway.
 */
__noinline int toa_option_is_only_one(struct bpf_sock_ops *ctx, __u32 counted, __u32 size,
				      __u32 len)
{
	__u32 off = 0, stamps = 0;

	if (!ctx)
		return 0;
	for (int i = 0; i < TCP_OPTIONS_MAX; i++) {
		__u32 step;

		if (off == counted) {
			off += size;
			continue;
		}
		step = toa_option_rest_step(ctx, off);
		if (step & STEP_END)
			break;
		if (step & STEP_INVALID)
			return 0;
		if (step & STEP_FOUND)
			stamps++;
		off = step & STEP_OFFSET;
	}
	return stamps <= 1 &&
	       len <= ((size + 3) & ~3U) + (stamps ? TIMESTAMP_PADDED : 0);
}

/*
 * Whether a balancer can have put the option at offset counted in front of the list.
 * A stranger behind it can fill the list so that its option finds no room and the
 * stranger's own is the first: where there was room, this cannot have happened.
 */
static __always_inline int toa_option_is_plausible(struct bpf_sock_ops *ctx, __u32 counted)
{
	__u8 *end = (void *)(long)ctx->skb_data_end;
	__u8 *data = (void *)(long)ctx->skb_data;
	__u8 *at = data + TCP_FIXED_LEN + (counted & STEP_OFFSET);
	__u32 len, size;

	if (data + TCP_FIXED_LEN > end || at + 2 > end)
		return 0;
	len = (data[TCP_DATA_OFFSET] >> 4) * 4 - TCP_FIXED_LEN;
	size = at[1];
	return len + size <= TCP_OPTIONS_MAX ||
	       toa_option_is_only_one(ctx, counted & STEP_OFFSET, size, len);
}

/*
 * The first option of a configured kind and a right length is the one: a
 * balancer puts its own in front, so what a client forges comes later. Its offset
 * is told in *at.
 */
static __always_inline enum toa_found toa_option_find(struct bpf_sock_ops *ctx,
						      struct toa_conn *conn, __u32 *at)
{
	enum toa_found found = TOA_NONE;
	__u32 off = 0;

	if (toa_is_syn(ctx))
		return TOA_NONE;
	for (int i = 0; i < TCP_OPTIONS_MAX; i++) {
		__u32 step = toa_option_step(ctx, off);

		if (step & STEP_INVALID)
			found = TOA_BAD;
		if (step & STEP_FOUND) {
			if (toa_option_read(ctx, step, conn))
				return TOA_BAD;
			*at = step & STEP_OFFSET;
			return TOA_OPTION;
		}
		if (step & STEP_END)
			break;
		off = step & STEP_OFFSET;
	}
	return found;
}

#endif
