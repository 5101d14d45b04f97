/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* getsockopt(IPPROTO_IP, 4096 and 4097). */
#ifndef TOA_SOCKOPT_H
#define TOA_SOCKOPT_H

#include <linux/bpf.h>
#include <linux/errno.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>

#include "addr.h"
#include "config.h"
#include "others.h"
#include "table.h"
#include "toa.h"

#define SOL_IP		0
#define PAGE_LEN	4096

#ifndef TCP_SYN_SENT
#define TCP_SYN_SENT	2
#define TCP_LISTEN	10
#endif

static __always_inline int toa_is_tcp(struct bpf_sock *sk)
{
	return sk->type == SOCK_STREAM && sk->protocol == IPPROTO_TCP &&
	       (sk->family == AF_INET || sk->family == AF_INET6);
}

/* What the running kernel does; the loader finds out and sets these. */
const volatile __u8 toa_copies_failures = 0;	/* before Linux 5.18 */
const volatile __u8 toa_refuses_large = 0;	/* before Linux 6.5, some longer */

/*
 * Leaves the answer as it is, whoever gave it: the kernel, or another program, which
 * may run before this one or after it. So what ctx says must stay, too: a program that
 * answers where the kernel failed may leave optlen at the length of the caller's buffer.
 *
 * Two kernel bugs call for length zero, which means: copy nothing back. The hook works
 * on a copy of at most one page, and older kernels make EFAULT of a larger answer.
 * Still older ones copy zeros over the caller's buffer when the call failed. Where
 * others hear the call it meets these bugs without us, too, and stays theirs.
 */
static __always_inline void toa_sockopt_pass(struct bpf_sockopt *ctx)
{
	__u32 len = ctx->optlen;

	if ((ctx->retval ? toa_copies_failures : toa_refuses_large && len > PAGE_LEN) &&
	    !toa_others_hear(ctx))
		*(volatile __s32 *)&ctx->optlen = 0;
}

static __always_inline void toa_answered(struct bpf_sockopt *ctx, __s32 len)
{
	/* volatile: the verifier refuses the two as one store */
	*(volatile __s32 *)&ctx->optlen = len;
	*(volatile __s32 *)&ctx->retval = 0;
}

static __always_inline int toa_answer_lookup(struct bpf_sockopt *ctx,
					     struct toa_conn *conn)
{
	struct toa_nat64_peer *out = ctx->optval;
	void *end = ctx->optval_end;

	if (!conn || !(conn->flags & TOA_INFO_HAS_ADDR) || (void *)(out + 1) > end)
		return 0;
	__builtin_memcpy(out->saddr, conn->client, sizeof(out->saddr));
	out->sport = conn->client_port;
	out->zero[0] = 0;
	out->zero[1] = 0;
	toa_answered(ctx, sizeof(*out));
	return 1;
}

static __always_inline __u32 toa_flags(struct bpf_sock *sk, struct toa_conn *conn)
{
	const struct toa_config *config = toa_get_config();
	__u32 flags = TOA_INFO_TRUST_ENFORCED;

	if (!conn)
		return flags;
	flags |= conn->flags;
	if (config && config->peername && conn->flags & TOA_INFO_HAS_ADDR &&
	    (sk->family == AF_INET6 || toa_is_ipv4(conn->client)))
		flags |= TOA_INFO_PEERNAME;
	return flags;
}

/* A reset connection still has a peer: a server may accept it first and ask then. */
static __always_inline void toa_true_peer(struct bpf_sock *sk, struct toa_info *out)
{
	__u32 *peer = (__u32 *)out->peer;
	__be16 port = *(__be16 *)&sk->dst_port;

	if (!port || sk->state == TCP_SYN_SENT || sk->state == TCP_LISTEN)
		return;
	out->peer_port = port;
	if (sk->family == AF_INET6) {
		peer[0] = sk->dst_ip6[0];
		peer[1] = sk->dst_ip6[1];
		peer[2] = sk->dst_ip6[2];
		peer[3] = sk->dst_ip6[3];
		toa_barrier();
	} else {
		peer[2] = TOA_MAPPED;
		peer[3] = sk->dst_ip4;
	}
}

/* The part that version 1 has. */
static __always_inline void toa_fill_info(struct bpf_sock *sk, struct toa_conn *conn,
					  struct toa_info *out)
{
	__builtin_memset(out, 0, TOA_INFO_V1_LEN);
	out->version = TOA_INFO_VERSION;
	out->source = TOA_SOURCE_EBPF;
	out->flags = toa_flags(sk, conn);
	toa_true_peer(sk, out);
	if (conn) {
		out->kind = conn->kind;
		out->client_port = conn->client_port;
		__builtin_memcpy(out->client, conn->client, sizeof(out->client));
	}
}

static __always_inline void toa_fill_virtual(struct bpf_sock *sk, struct toa_conn *conn,
					     struct toa_info *out)
{
	struct toa_virtual *virtual;

	__builtin_memset(out->virtual_addr, 0, sizeof(*out) - TOA_INFO_V1_LEN);
	if (!conn)
		return;
	out->len = conn->len;
	if (!(conn->flags & TOA_INFO_HAS_VIRTUAL))
		return;
	virtual = bpf_sk_storage_get(&toa_virtuals, sk, NULL, 0);
	if (!virtual)
		return;
	__builtin_memcpy(out->virtual_addr, virtual->addr, sizeof(out->virtual_addr));
	out->virtual_port = virtual->port;
}

static __always_inline int toa_answer_info(struct bpf_sockopt *ctx,
					   struct bpf_sock *sk,
					   struct toa_conn *conn)
{
	struct toa_info *out = ctx->optval;
	void *end = ctx->optval_end;
	__s32 len = TOA_INFO_V1_LEN;

	if ((void *)out + TOA_INFO_V1_LEN > end)
		return 0;
	toa_fill_info(sk, conn, out);
	if ((void *)(out + 1) <= end) {
		toa_fill_virtual(sk, conn, out);
		len = sizeof(*out);
	}
	toa_answered(ctx, len);
	return 1;
}

/*
 * Only where the kernel knows no such option: a call that succeeded was answered by
 * another source, and any other error is the verdict of another program.
 */
static __always_inline int toa_sockopt_answer(struct bpf_sockopt *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct toa_conn *conn;

	if (!sk || ctx->retval != -ENOPROTOOPT || !toa_is_tcp(sk))
		return 0;
	conn = toa_table_find(sk);
	/* Opened before this source was loaded, or by a source above: that one answers. */
	if (conn && !toa_table_is_own(conn))
		return 0;
	if (ctx->optname == TOA_SO_GET_LOOKUP)
		return toa_answer_lookup(ctx, conn);
	return toa_answer_info(ctx, sk, conn);
}

#endif
