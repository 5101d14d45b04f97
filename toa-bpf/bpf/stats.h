/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What is counted, on each CPU by itself, in the order of the loader's src/status.rs. */
#ifndef TOA_STATS_H
#define TOA_STATS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* The first ten have the names and the order that every source shows. */
enum toa_counter {
	TOA_SYN_RECV_SOCK_TOA,
	TOA_SYN_RECV_SOCK_NO_TOA,
	TOA_GETNAME_OK,
	TOA_GETNAME_MISMATCH,
	TOA_GETNAME_BYPASS,
	TOA_GETNAME_EMPTY,
	TOA_ADDRESS_ALLOC,	/* as the first: the loader shows that one again */
	TOA_ADDRESS_FREE,
	TOA_UNTRUSTED,
	TOA_INVALID,
	TOA_STORE_FAILED,	/* no memory for the address; inside no_toa */
	TOA_IMPLAUSIBLE,
	TOA_FOREIGN,
	TOA_LATE,		/* an option in a later segment only; inside no_toa */
	TOA_NOT_SENT,
	TOA_COUNTERS,
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TOA_COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} toa_counters SEC(".maps");

/*
 * Atomic: getpeername() runs where a packet of the same CPU can come in between, and so
 * does the end of a connection.
 */
static __always_inline void toa_count(__u32 which)
{
	__u64 *count = bpf_map_lookup_elem(&toa_counters, &which);

	if (count)
		__sync_fetch_and_add(count, 1);
}

#endif
