/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Whether a peer's option is believed. */
#ifndef TOA_TRUST_H
#define TOA_TRUST_H

#include "addr.h"

#define TOA_STEPS_MAX	32

/* What a step says of the network at a place and an address. */
#define NET_ABOVE	0	/* it begins behind the address, or there is none */
#define NET_BELOW	1	/* it ends before it */
#define NET_HOLDS	2

/* Functions of their own for the reason that toa_option_step() is one. */
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
