/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What the loader configured, and whether a peer is trusted. The loader's
 * src/loader/maps.rs mirrors the layouts.
 */
#ifndef TOA_CONFIG_H
#define TOA_CONFIG_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "addr.h"
#include "toa_formats.h"

#define TOA_VERSION_LEN	16

#define TOA_KIND_ASSIGNED	(1U << 15)	/* it means something else in TCP */
_Static_assert(1U << TOA_LAYOUTS <= TOA_KIND_ASSIGNED, "a bit for each");

/* One, written before any program is attached and never changed after. */
struct toa_config {
	__u16 by_kind[256];		/* bit n: TOA_LAYOUT number n is read under it; and this */
	__u8  trust_any;
	__u8  peername;
	__u8  steps4;			/* bits in the number of trusted networks */
	__u8  steps6;
	__u8  believe_implausible;
	__u8  reads_vip;		/* TOA_LAYOUT_VIP4 under some kind */
	__u8  zero[2];
	char  version[TOA_VERSION_LEN];	/* of the loader, for its status */
};
_Static_assert(sizeof(struct toa_config) == 536, "mirrored in Rust");

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

#define TOA_STEPS_MAX	32

/* What a step says of the network at a place and an address. */
#define NET_ABOVE	0	/* it begins behind the address, or there is none */
#define NET_BELOW	1	/* it ends before it */
#define NET_HOLDS	2

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct toa_config);
} toa_config SEC(".maps");

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

static __always_inline const struct toa_config *toa_get_config(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&toa_config, &zero);
}

/*
 * Functions of their own, not inlined: the verifier then checks them once instead
 * of once per round.
 */
__noinline int toa_net4_step(__u32 at, __u32 addr)
{
	const struct toa_net4 *net = bpf_map_lookup_elem(&toa_trusted4, &at);

	if (!net || addr < net->first)
		return NET_ABOVE;
	return addr > net->last ? NET_BELOW : NET_HOLDS;
}

static __always_inline int toa_is_less(__u64 a, __u64 a_low, __u64 b, __u64 b_low)
{
	return a < b || (a == b && a_low < b_low);
}

__noinline int toa_net6_step(__u32 at, __u64 high, __u64 low)
{
	const struct toa_net6 *net = bpf_map_lookup_elem(&toa_trusted6, &at);

	if (!net || toa_is_less(high, low, net->first[0], net->first[1]))
		return NET_ABOVE;
	if (toa_is_less(net->last[0], net->last[1], high, low))
		return NET_BELOW;
	return NET_HOLDS;
}

/*
 * Each step halves what is left. The last network that does not begin behind the
 * address is the only one that can hold it.
 */
static __always_inline int toa_is_trusted4(__u32 steps, __u32 addr)
{
	int found = NET_ABOVE;
	__u32 below = 0;

	for (__u32 i = 0; i < TOA_STEPS_MAX; i++) {
		__u32 next;
		int net;

		if (i >= steps)
			break;
		next = below + (1U << ((steps - 1 - i) & 31));
		net = toa_net4_step(next - 1, addr);
		if (net != NET_ABOVE) {
			below = next;
			found = net;
		}
	}
	return found == NET_HOLDS;
}

static __always_inline int toa_is_trusted6(__u32 steps, __u64 high, __u64 low)
{
	int found = NET_ABOVE;
	__u32 below = 0;

	for (__u32 i = 0; i < TOA_STEPS_MAX; i++) {
		__u32 next;
		int net;

		if (i >= steps)
			break;
		next = below + (1U << ((steps - 1 - i) & 31));
		net = toa_net6_step(next - 1, high, low);
		if (net != NET_ABOVE) {
			below = next;
			found = net;
		}
	}
	return found == NET_HOLDS;
}

static __always_inline __u64 toa_u64(const __u32 *words)
{
	return (__u64)bpf_ntohl(words[0]) << 32 | bpf_ntohl(words[1]);
}

static __always_inline int toa_is_trusted(const struct toa_config *config,
					  const __u32 *peer)
{
	if (config->trust_any)
		return 1;
	if (toa_is_ipv4(peer))
		return toa_is_trusted4(config->steps4, bpf_ntohl(peer[3]));
	return toa_is_trusted6(config->steps6, toa_u64(peer), toa_u64(peer + 2));
}

#endif
