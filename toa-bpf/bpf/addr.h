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

/*
 * Keeps the loads of two branches apart: clang would merge them into one from a
 * computed address, and the verifier wants a context read at a fixed offset.
 */
#define toa_barrier()	asm volatile("" ::: "memory")

static __always_inline int toa_is_ipv4(const __u32 *a)
{
	return !a[0] && !a[1] && a[2] == TOA_MAPPED;
}

/* Unspecified, loopback, multicast, broadcast: no client has such an address. */
static __always_inline int toa_is_refused(const __u32 *a)
{
	__u32 first = bpf_ntohl(a[0]);
	__u32 last = bpf_ntohl(a[3]);

	if (toa_is_ipv4(a))
		return last == 0 || last >> 24 == 127 || last >> 28 == 0xe ||
		       last == 0xffffffff;
	if (!a[0] && !a[1] && !a[2] && last <= 1)
		return 1;
	return first >> 24 == 0xff;
}

#endif
