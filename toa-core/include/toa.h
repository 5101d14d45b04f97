/* SPDX-License-Identifier: MIT OR GPL-2.0-only WITH Linux-syscall-note */
/*
 * The user-space interface of a TOA source (the kernel module or the eBPF
 * program). C programs may copy this file.
 *
 * Both calls are getsockopt(fd, IPPROTO_IP, NAME, &answer, &len).
 */
#ifndef TOA_H
#define TOA_H

#include <linux/types.h>

/* The call that every TOA module knows: struct toa_nat64_peer. */
#define TOA_SO_GET_LOOKUP	4096
/* Ours: struct toa_info, on any TCP socket. */
#define TOA_SO_GET_INFO		4097

/*
 * The client's address as the balancer sent it. An IPv4 client appears in
 * mapped form, ::ffff:a.b.c.d. A buffer shorter than this is refused.
 */
struct toa_nat64_peer {
	__u8   saddr[16];	/* in6_addr, network order */
	__be16 sport;		/* network order */
	__u8   zero[2];		/* always zero */
};

#define TOA_INFO_VERSION	2

/* toa_info.source */
#define TOA_SOURCE_EBPF		1
#define TOA_SOURCE_MODULE	2

/* toa_info.flags, host order */
#define TOA_INFO_HAS_ADDR	(1U << 0) /* client and client_port are set */
#define TOA_INFO_PEERNAME	(1U << 1) /* getpeername() shows the client */
#define TOA_INFO_TRUST_ENFORCED	(1U << 2) /* the source checks the peer itself */
#define TOA_INFO_UNTRUSTED	(1U << 3) /* refused: the peer is not trusted */
#define TOA_INFO_INVALID	(1U << 4) /* refused: malformed, or bad address or version */
#define TOA_INFO_IMPLAUSIBLE	(1U << 5) /* refused: no balancer can have put it there */
#define TOA_INFO_FOREIGN	(1U << 6) /* not read: a length of no configured format */
#define TOA_INFO_HAS_VIRTUAL	(1U << 7) /* virtual_addr and virtual_port are set */

/*
 * All that the source knows of one TCP socket. Fields that do not apply are
 * zero. Later versions only append; a buffer shorter than the version 1 form
 * is refused, and *optlen tells how much was written.
 */
struct toa_info {
	__u16  version;		/* TOA_INFO_VERSION, host order */
	__u8   source;		/* TOA_SOURCE_* */
	__u8   kind;		/* TCP option kind of the accepted or foreign option, else 0 */
	__u32  flags;		/* TOA_INFO_* */
	__u8   client[16];	/* in6_addr from the option, IPv4 as mapped */
	__u8   peer[16];	/* the true TCP peer (the balancer), IPv4 as mapped */
	__be16 client_port;	/* network order */
	__be16 peer_port;	/* network order */
	__u32  reserved;	/* zero */
	/* Since version 2. */
	__u8   virtual_addr[16];	/* that the client asked for, IPv4 as mapped */
	__be16 virtual_port;	/* network order; 0 where the format has none */
	__u8   len;		/* of the option, with its kind and length bytes */
	__u8   zero;		/* always zero */
};

#define TOA_INFO_V1_LEN		48

#endif
