/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Whether a balancer can have put the option that was found into its list. */
#ifndef TOA_PLAUSIBLE_H
#define TOA_PLAUSIBLE_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "option.h"

#define TCP_DATA_OFFSET	12
#define TCPOPT_TIMESTAMP	8
#define TIMESTAMP_LEN	10
#define TIMESTAMP_PADDED	12
#define STEP_STAMP	(1U << 15)	/* a timestamp option */

/* Looks at offset off at what stands beside the counted option, as toa_option_step() does. */
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
	return (off + TIMESTAMP_LEN) | STEP_STAMP;
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
		if (step & STEP_STAMP)
			stamps++;
		off = step & STEP_OFFSET;
	}
	return stamps <= 1 &&
	       len <= ((size + 3) & ~3U) + (stamps ? TIMESTAMP_PADDED : 0);
}

/*
 * Whether a balancer can have put the option that was found, of this size, into the list.
 * A stranger behind it can fill the list so that its option finds no room and the
 * stranger's own is the first: where there was room, this cannot have happened.
 */
static __always_inline int toa_option_is_plausible(struct bpf_sock_ops *ctx, __u32 found,
						   __u32 size)
{
	__u8 *end = (void *)(long)ctx->skb_data_end;
	__u8 *data = (void *)(long)ctx->skb_data;
	__u32 len, start = found & STEP_OFFSET, needed = size;

	if (data + TCP_FIXED_LEN > end)
		return 0;
	len = (data[TCP_DATA_OFFSET] >> 4) * 4 - TCP_FIXED_LEN;
	if (found & FOUND_WITH_VIP) {
		needed += VIP_LEN;
		if (found & (FOUND_VIP_BEFORE | FOUND_VIP_BEHIND))
			size = needed;
		if (found & FOUND_VIP_BEFORE)
			start -= VIP_LEN;
	}
	return len + needed <= TCP_OPTIONS_MAX ||
	       toa_option_is_only_one(ctx, start, size, len);
}

#endif
