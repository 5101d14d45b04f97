/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Addresses: four words in network order, IPv4 as ::ffff:a.b.c.d. */
#ifndef TOA_ADDR_H
#define TOA_ADDR_H

#include <linux/types.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* From <sys/socket.h>, which a program for the kernel cannot include. */
#define AF_INET		2
#define AF_INET6	10
#define SOCK_STREAM	1

#define TOA_MAPPED	bpf_htonl(0xffff)
#define TOA_NAT64	bpf_htonl(0x64ff9b)	/* the first word of 64:ff9b::/96 */

/*
 * Keeps the loads of two branches apart: clang would merge them into one from a
 * computed address, and the verifier wants a context read at a fixed offset.
 */
#define toa_barrier()	asm volatile("" ::: "memory")

static __always_inline int toa_is_ipv4(const __u32 *a)
{
	return !a[0] && !a[1] && a[2] == TOA_MAPPED;
}

static __always_inline int toa_is_unspecified(const __u32 *a)
{
	return !a[0] && !a[1] && (!a[2] || a[2] == TOA_MAPPED) && !a[3];
}

/*
 * Addresses that no client has. In IPv4, also in mapped form and inside the NAT64 prefix
 * 64:ff9b::/96 (RFC 6052): 0.0.0.0/8, loopback, multicast, and 240.0.0.0/4 with the
 * broadcast address; in IPv6: ::/96, which holds the unspecified and the loopback
 * address, and multicast.
 */
static __always_inline int toa_is_refused(const __u32 *a)
{
	__u8 first = ((const __u8 *)a)[12];

	if (a[0]) {
		if (a[0] != TOA_NAT64 || a[1] || a[2])
			return *(const __u8 *)a == 0xff;
	} else if (a[1] || a[2] != TOA_MAPPED) {
		return !a[1] && !a[2];
	}
	return first == 0 || first == 127 || first >= 224;
}

#endif
