/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What came of the connections of the last minutes, and which options nobody read: what
 * an operator asks for when addresses are wrong. The loader's src/loader/diagnosis.rs
 * mirrors the layouts. Both maps begin anew with each load: with other settings the old
 * figures mean nothing.
 */
#ifndef TOA_RECENT_H
#define TOA_RECENT_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "addr.h"
#include "option.h"
#include "table.h"

enum toa_outcome {
	TOA_OUTCOME_TOA,
	TOA_OUTCOME_NOT_SENT,
	TOA_OUTCOME_FOREIGN,
	TOA_OUTCOME_UNTRUSTED,
	TOA_OUTCOME_INVALID,
	TOA_OUTCOME_IMPLAUSIBLE,
	TOA_OUTCOME_LOST,	/* no memory */
	TOA_OUTCOME_LATE,	/* not sent, but in a later segment: these count twice */
	TOA_OUTCOMES,
};

/* By jiffies: their address is known to the verifier, so to read them is no call. */
#define TOA_SLOTS	16
#define TOA_SLOT_SHIFT	14	/* 16 to 164 seconds, by the kernel's HZ */

struct toa_slot {
	__u64 number;		/* jiffies >> TOA_SLOT_SHIFT */
	__u64 start;		/* of its first connection, in ns since boot */
	__u64 counts[TOA_OUTCOMES];
};
_Static_assert(sizeof(struct toa_slot) == 80, "mirrored in Rust");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TOA_SLOTS);
	__type(key, __u32);
	__type(value, struct toa_slot);
} toa_recent SEC(".maps");

/* Why an option was not read, beside the outcomes: its kind is not configured. */
#define TOA_UNREAD_KIND	TOA_OUTCOMES

struct toa_unread_key {
	__u8  reason;		/* enum toa_outcome or TOA_UNREAD_KIND */
	__u8  kind;
	__u8  len;
	__u8  is_ipv4;		/* the peer */
	__u32 net[2];		/* its network: the /64, or in the first word the /24 */
};
_Static_assert(sizeof(struct toa_unread_key) == 12, "mirrored in Rust");

struct toa_unread_value {
	__u64 count;
	__u64 peer;		/* the last 64 bits of the last one's address, or all 32 */
	__u64 seen;		/* when it came, in ns since boot */
};
_Static_assert(sizeof(struct toa_unread_value) == 24, "mirrored in Rust");

/* Strangers choose what is in here: it stays as small as it is. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 256);
	__type(key, struct toa_unread_key);
	__type(value, struct toa_unread_value);
} toa_unread SEC(".maps");

/*
 * A slot is taken over by the first connection of its next time. Others of this CPU can
 * come in between only where a segment waited for the owner of the socket (Fast Open):
 * a figure is then too low by one.
 */
static __always_inline void toa_recent_count(enum toa_outcome outcome)
{
	__u64 number = bpf_jiffies64() >> TOA_SLOT_SHIFT;
	__u32 at = number % TOA_SLOTS;
	struct toa_slot *slot = bpf_map_lookup_elem(&toa_recent, &at);

	if (!slot)
		return;
	if (slot->number != number) {
		__builtin_memset(slot->counts, 0, sizeof(slot->counts));
		slot->start = bpf_ktime_get_boot_ns();
		slot->number = number;
	}
	__sync_fetch_and_add(&slot->counts[outcome], 1);
}

/* Notes the option at the offset in found, which was not read for this reason. */
static __always_inline void toa_unread_note(struct bpf_sock_ops *ctx, __u32 found,
					    __u8 reason, const __u32 *peer)
{
	struct toa_unread_key key = { .reason = reason };
	struct toa_unread_value first = { .count = 1 }, *value;
	__u8 *end = (void *)(long)ctx->skb_data_end;
	__u8 *at = (void *)(long)ctx->skb_data;

	at += TCP_FIXED_LEN + (found & STEP_OFFSET);
	if (at + 2 > end)
		return;
	key.kind = at[0];
	key.len = at[1];
	if (toa_is_ipv4(peer)) {
		key.is_ipv4 = 1;
		key.net[0] = peer[3] & bpf_htonl(0xffffff00);
		first.peer = peer[3];
	} else {
		key.net[0] = peer[0];
		key.net[1] = peer[1];
		first.peer = (__u64)peer[3] << 32 | peer[2];
	}
	first.seen = bpf_ktime_get_boot_ns();
	value = bpf_map_lookup_elem(&toa_unread, &key);
	if (!value) {
		bpf_map_update_elem(&toa_unread, &key, &first, BPF_NOEXIST);
		return;
	}
	__sync_fetch_and_add(&value->count, 1);
	value->seen = first.seen;
	value->peer = first.peer;
}

#endif
