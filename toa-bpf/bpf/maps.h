/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What the programs remember and how they are configured. The loader's
 * src/maps.rs mirrors every layout here.
 */
#ifndef TOA_MAPS_H
#define TOA_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define TOA_VERSION_LEN	16

/* One, written before any program is attached and never changed after. */
struct toa_config {
	__u64 kinds[4];			/* bit n of all 256: kind n is read as TOA */
	__u8  trust_any;
	__u8  peername;
	__u8  steps4;			/* bits in the number of trusted networks */
	__u8  steps6;
	__u8  zero[4];
	char  version[TOA_VERSION_LEN];	/* of the loader, for its status */
};
_Static_assert(sizeof(struct toa_config) == 56, "mirrored in Rust");

/*
 * What is known of one connection. It is kept in the socket's own storage, so
 * the kernel frees it with the socket and no other socket can ever show it.
 */
struct toa_conn {
	__u32  client[4];	/* IPv4 as mapped; network order */
	__be16 client_port;
	__be16 peer_port;	/* of the connection that this was stored for */
	__u8   kind;
	__u8   zero[3];
	__u32  flags;		/* TOA_INFO_HAS_ADDR, _UNTRUSTED or _INVALID */
};
_Static_assert(sizeof(struct toa_conn) == 28, "a new layout drops open connections");

/* A trusted network by its first and its last address, in this machine's order. */
struct toa_net4 {
	__u32 first;
	__u32 last;
};
_Static_assert(sizeof(struct toa_net4) == 8, "mirrored in Rust");

struct toa_net6 {
	__u64 first[2];
	__u64 last[2];
};
_Static_assert(sizeof(struct toa_net6) == 32, "mirrored in Rust");

/* The first ten have the names and the order that every source shows. */
enum toa_counter {
	TOA_SYN_RECV_SOCK_TOA,
	TOA_SYN_RECV_SOCK_NO_TOA,
	TOA_GETNAME_OK,
	TOA_GETNAME_MISMATCH,
	TOA_GETNAME_BYPASS,
	TOA_GETNAME_EMPTY,
	TOA_ADDRESS_ALLOC,
	TOA_ADDRESS_FREE,
	TOA_UNTRUSTED,
	TOA_INVALID,
	TOA_STORE_FAILED,	/* no memory for the address; inside no_toa */
	TOA_COUNTERS,
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct toa_config);
} toa_config SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct toa_conn);
} toa_conns SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TOA_COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} toa_counters SEC(".maps");

/*
 * Sorted, and no two overlap, so that a binary search finds the only one that can
 * match. A longest-prefix trie would be a walk through memory: with 10,000 networks
 * that was a microsecond. The loader sets max_entries of both to what is configured.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct toa_net4);
} toa_trusted4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct toa_net6);
} toa_trusted6 SEC(".maps");

/*
 * Keeps the loads of two branches apart: clang would merge them into one from a
 * computed address, and the verifier wants a context read at a fixed offset.
 */
#define toa_barrier()	asm volatile("" ::: "memory")

static __always_inline void toa_count(__u32 which)
{
	__u64 *count = bpf_map_lookup_elem(&toa_counters, &which);

	if (count)
		*count += 1;
}

static __always_inline const struct toa_config *toa_get_config(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&toa_config, &zero);
}

#endif
