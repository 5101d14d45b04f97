/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Finds the TOA option in the header of the segment that opens a connection. What
 * toa-core/src/option.rs says of a list, these functions say too.
 */
#ifndef TOA_OPTION_H
#define TOA_OPTION_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "addr.h"
#include "config.h"
#include "table.h"
#include "toa_formats.h"

#define TCP_FIXED_LEN	20
#define TCP_FLAGS	13
#define TCP_FLAG_SYN	0x02
#define TCP_OPTIONS_MAX	40
#define TCPOPT_EOL	0
#define TCPOPT_NOP	1
#define VIP_LEN		8	/* of TOA_LAYOUT_VIP4 */

/* What a step says: an offset below 64 and these. */
#define STEP_OFFSET	63U
#define STEP_END	(1U << 8)
#define STEP_INVALID	(1U << 9)	/* a known kind that does not end in the list */
#define STEP_FOREIGN	(1U << 10)	/* a known kind with a length of no known format */
#define STEP_UNKNOWN	(1U << 11)	/* a kind that is neither known nor TCP's own */
#define STEP_LAYOUT(layout)	(1U << (16 + (layout)))
#define STEP_VIP	STEP_LAYOUT(TOA_LAYOUT_VIP4)
#define STEP_COUNTS	(((1U << TOA_LAYOUTS) - 1) << 16 & ~STEP_VIP)

/*
 * What the walk says: the layout of the option that counts, or STEP_INVALID, or of the
 * first foreign one STEP_FOREIGN, or STEP_UNKNOWN of the first other one; its offset; and
 * these. 0: there is none of all those.
 */
#define FOUND_OPTION	(STEP_COUNTS | STEP_INVALID | STEP_FOREIGN)
#define FOUND_WITH_VIP	(1U << 12)	/* the balancer writes a virtual address beside it */
#define FOUND_VIP_BEFORE	(1U << 13)	/* there it is */
#define FOUND_VIP_BEHIND	(1U << 14)

/* Whatever a virtual address can be read from. */
#define STEP_IF_VIRTUAL(layout, length, port, addr, vport, vaddr, ...) \
	| (vaddr ? STEP_LAYOUT(layout) : 0)
#define FOUND_HAS_VIRTUAL \
	(FOUND_VIP_BEFORE | FOUND_VIP_BEHIND TOA_FOR_EACH_LAYOUT(STEP_IF_VIRTUAL))

/* The layout of an option of this length among those of its kind; 0: it has none. */
static __always_inline __u32 toa_option_layout(__u32 layouts, __u32 len)
{
#define TOA_LAYOUT(layout, length, ...) \
	if (len == length && layouts & 1 << layout) \
		return STEP_LAYOUT(layout);
	TOA_FOR_EACH_LAYOUT(TOA_LAYOUT)
#undef TOA_LAYOUT
	return 0;
}

/*
 * Looks at the option at offset off of the option list. A function of its own,
 * not inlined: the verifier then checks it once instead of once per round, which
 * is what keeps the walk below its limit on every kernel. The mask bounds the
 * offset where the verifier can see it.
 */
__noinline int toa_option_step(struct bpf_sock_ops *ctx, __u32 off)
{
	const struct toa_config *config = toa_get_config();
	__u32 len, layouts, is_known, layout;
	__u8 *data, *end, *at;

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
	layouts = config->by_kind[at[0]];
	is_known = layouts & ~TOA_KIND_ASSIGNED;
	if (len < 2 || at + len > end)
		return STEP_END | (is_known ? STEP_INVALID : 0);
	if (!is_known)
		return (off + len) | (layouts ? 0 : STEP_UNKNOWN);
	layout = toa_option_layout(layouts, len);
	if (layout & STEP_COUNTS)
		return off | layout;
	return (off + len) | (layout ? layout : STEP_FOREIGN);
}

/*
 * Whether there is a list to look at. A Fast Open SYN makes a socket before its sender
 * has shown that it receives what is sent to its address: what it says of itself counts
 * for nothing.
 */
static __always_inline int toa_option_may_count(struct bpf_sock_ops *ctx)
{
	__u8 *end = (void *)(long)ctx->skb_data_end;
	__u8 *at = (void *)(long)ctx->skb_data;

	return at + TCP_FIXED_LEN < end && !(at[TCP_FLAGS] & TCP_FLAG_SYN);
}

/*
 * The flags of an option of the format vtoa's 254 at offset off, where a virtual address
 * may stand directly before it, at vip, or behind.
 */
static __always_inline __u32 toa_option_vip(struct bpf_sock_ops *ctx,
					    const struct toa_config *config, __u32 off,
					    int is_before)
{
	__u8 *end = (void *)(long)ctx->skb_data_end;
	__u8 *at = (void *)(long)ctx->skb_data;

	if (is_before)
		return FOUND_WITH_VIP | FOUND_VIP_BEFORE;
	/* It is a TOA_LAYOUT_TOA4, as long as this one. */
	at += TCP_FIXED_LEN + (off & STEP_OFFSET) + VIP_LEN;
	if (at + VIP_LEN > end || at[1] != VIP_LEN ||
	    !(config->by_kind[at[0]] & 1 << TOA_LAYOUT_VIP4))
		return FOUND_WITH_VIP;
	return FOUND_WITH_VIP | FOUND_VIP_BEHIND;
}

/*
 * The first option of a known format is the one: a balancer puts its own in front, so
 * what a client forges comes later.
 */
static __always_inline __u32 toa_option_find(struct bpf_sock_ops *ctx,
					     const struct toa_config *config)
{
	__u32 off = 0, behind_vip = TCP_OPTIONS_MAX + 1, unread = 0;

	if (!toa_option_may_count(ctx))
		return 0;
	for (int i = 0; i < TCP_OPTIONS_MAX; i++) {
		__u32 step = toa_option_step(ctx, off);

		if (step > STEP_OFFSET) {
			if (step & STEP_COUNTS) {
				if (step & STEP_LAYOUT(TOA_LAYOUT_TOA4) && config->reads_vip)
					step |= toa_option_vip(ctx, config, off,
							       off == behind_vip);
				return step;
			}
			if (step & STEP_INVALID)
				return off | STEP_INVALID;
			if (step & STEP_END)
				break;
			if (step & STEP_VIP)
				behind_vip = step & STEP_OFFSET;
			else if (step & STEP_FOREIGN && !(unread & STEP_FOREIGN))
				unread = off | STEP_FOREIGN;
			else if (!unread)
				unread = off | STEP_UNKNOWN;
		}
		off = step & STEP_OFFSET;
	}
	return unread;
}

static __always_inline void toa_copy_addr(__u32 *to, const __u8 *from, int len)
{
	if (len == 4) {
		to[2] = TOA_MAPPED;
		__builtin_memcpy(to + 3, from, 4);
	} else {
		__builtin_memcpy(to, from, 16);
	}
}

/*
 * Reads the client out of the option that counts; 0 when it has another version than
 * the one that is known, and of a foreign one, which has kind and length alone. Each
 * layout has offsets that do not change, as the verifier wants to see them.
 */
static __always_inline int toa_option_read(struct bpf_sock_ops *ctx, __u32 found,
					   struct toa_conn *conn)
{
	__u8 *end = (void *)(long)ctx->skb_data_end;
	__u8 *at = (void *)(long)ctx->skb_data;

	at += TCP_FIXED_LEN + (found & STEP_OFFSET);
	if (at + 2 > end)
		return 0;
	conn->kind = at[0];
	conn->len = at[1];
#define TOA_LAYOUT(layout, length, port_at, addr_at, vport_at, vaddr_at, addr_len, version) \
	if (addr_at && found & STEP_LAYOUT(layout)) { \
		if (at + length > end || (version && at[2] != version)) \
			return 0; \
		if (port_at) \
			__builtin_memcpy(&conn->client_port, at + port_at, 2); \
		toa_copy_addr(conn->client, at + addr_at, addr_len); \
		toa_barrier(); \
		return 1; \
	}
	TOA_FOR_EACH_LAYOUT(TOA_LAYOUT)
#undef TOA_LAYOUT
	return 0;
}

/* Reads what the client asked for, where the balancer tells; 0 where it does not. */
static __always_inline int toa_option_read_virtual(struct bpf_sock_ops *ctx, __u32 found,
						   struct toa_virtual *virtual)
{
	__u8 *end = (void *)(long)ctx->skb_data_end;
	__u8 *at = (void *)(long)ctx->skb_data;
	__u32 off = found & STEP_OFFSET;

	if (found & FOUND_VIP_BEFORE)
		off -= VIP_LEN;
	if (found & FOUND_VIP_BEHIND)
		off += VIP_LEN;
	if (found & (FOUND_VIP_BEFORE | FOUND_VIP_BEHIND))
		found = STEP_VIP;
	at += TCP_FIXED_LEN + (off & STEP_OFFSET);
#define TOA_LAYOUT(layout, length, port_at, addr_at, vport_at, vaddr_at, addr_len, version) \
	if (vaddr_at && found & STEP_LAYOUT(layout)) { \
		if (at + length > end) \
			return 0; \
		if (vport_at) \
			__builtin_memcpy(&virtual->port, at + vport_at, 2); \
		toa_copy_addr(virtual->addr, at + vaddr_at, addr_len); \
		toa_barrier(); \
		return !toa_is_unspecified(virtual->addr); \
	}
	TOA_FOR_EACH_LAYOUT(TOA_LAYOUT)
#undef TOA_LAYOUT
	return 0;
}

#endif
