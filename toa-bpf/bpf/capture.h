/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* From the segment that completes a passive open to the table. */
#ifndef TOA_CAPTURE_H
#define TOA_CAPTURE_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "addr.h"
#include "config.h"
#include "option.h"
#include "stats.h"
#include "table.h"
#include "toa.h"

static __always_inline void toa_remote(struct bpf_sock_ops *ctx, __u32 *peer)
{
	if (ctx->family == AF_INET6) {
		peer[0] = ctx->remote_ip6[0];
		peer[1] = ctx->remote_ip6[1];
		peer[2] = ctx->remote_ip6[2];
		peer[3] = ctx->remote_ip6[3];
		toa_barrier();
	} else {
		peer[2] = TOA_MAPPED;
		peer[3] = ctx->remote_ip4;
	}
}

/*
 * What the option that was found says of the client, as one of TOA_INFO_HAS_ADDR and the
 * flags that tell why there is none. It is told in conn; nothing is counted or kept.
 */
static __always_inline __u32 toa_judge(struct bpf_sock_ops *ctx,
				       const struct toa_config *config, __u32 found,
				       struct toa_conn *conn)
{
	__u32 peer[4] = {};

	if (found & STEP_FOREIGN) {
		toa_option_read(ctx, found, conn);
		return TOA_INFO_FOREIGN;
	}
	toa_remote(ctx, peer);
	if (!toa_is_trusted(config, peer))
		return TOA_INFO_UNTRUSTED;
	if (!toa_option_read(ctx, found, conn) || toa_is_refused(conn->client))
		return TOA_INFO_INVALID;
	if (!config->believe_implausible && !toa_option_is_plausible(ctx, found, conn->len))
		return TOA_INFO_IMPLAUSIBLE;
	return TOA_INFO_HAS_ADDR;
}

static __always_inline void toa_count_refused(__u32 judgement)
{
	if (judgement == TOA_INFO_UNTRUSTED)
		toa_count(TOA_UNTRUSTED);
	else if (judgement == TOA_INFO_INVALID)
		toa_count(TOA_INVALID);
	else if (judgement == TOA_INFO_IMPLAUSIBLE)
		toa_count(TOA_IMPLAUSIBLE);
	else if (judgement == TOA_INFO_FOREIGN)
		toa_count(TOA_FOREIGN);
}

/*
 * Two connect() whose SYNs cross count as a passive open in tcp_rcv_state_process(),
 * but no listener was asked: the address would stand on a connection that a
 * program of ours has made. Only there has a SYN of the socket's own been acknowledged.
 */
static __always_inline int toa_is_crossed(struct bpf_sock_ops *ctx)
{
	return ctx->bytes_acked != 0;
}

/*
 * Whether the source of a closer cgroup has judged this connection, also when it found no
 * option and keeps nothing. The kernel hands the reply from program to program, and looks
 * at it for other operations only.
 */
static __always_inline int toa_is_judged(struct bpf_sock_ops *ctx)
{
	if (!toa_table)
		return 0;
	if (ctx->reply == toa_table)
		return 1;
	ctx->reply = toa_table;
	return 0;
}

/* Keeps what the client asked for; 0: there is nothing, or no memory for it. */
static __always_inline int toa_keep_virtual(struct bpf_sock_ops *ctx, struct bpf_sock *sk,
					    __u32 found)
{
	struct toa_virtual virtual;

	if (!(found & FOUND_HAS_VIRTUAL))
		return 0;
	__builtin_memset(&virtual, 0, sizeof(virtual));
	return toa_option_read_virtual(ctx, found, &virtual) &&
	       bpf_sk_storage_get(&toa_virtuals, sk, &virtual, BPF_SK_STORAGE_GET_F_CREATE);
}

/*
 * Judges the option that was found, and keeps what comes of it: TOA_INFO_HAS_ADDR where
 * the client is known, else why not, or 0: there is no memory.
 */
static __always_inline __u32 toa_keep(struct bpf_sock_ops *ctx, struct bpf_sock *sk,
				      const struct toa_config *config, __u32 found)
{
	struct toa_conn conn = {};
	__u32 judgement = toa_judge(ctx, config, found, &conn);

	conn.flags = judgement;
	if (judgement != TOA_INFO_HAS_ADDR) {
		__builtin_memset(conn.client, 0, sizeof(conn.client));
		conn.client_port = 0;
		if (judgement != TOA_INFO_FOREIGN)
			conn.kind = conn.len = 0;
	} else if (toa_keep_virtual(ctx, sk, found)) {
		conn.flags |= TOA_INFO_HAS_VIRTUAL;
	}
	conn.peer_port = *(__be16 *)&sk->dst_port;
	conn.scope = toa_scope;
	conn.opened = bpf_ktime_get_boot_ns() / NS_PER_SECOND;
	if (bpf_sk_storage_get(&toa_conns, sk, &conn, BPF_SK_STORAGE_GET_F_CREATE) ||
	    judgement != TOA_INFO_HAS_ADDR)
		return judgement;
	toa_count(TOA_STORE_FAILED);
	return 0;
}

static __always_inline void toa_capture_open(struct bpf_sock_ops *ctx)
{
	const struct toa_config *config = toa_get_config();
	struct bpf_sock *sk = ctx->sk;
	__u32 found, judgement = 0;

	if (toa_is_crossed(ctx) || toa_is_judged(ctx) || !config || !sk)
		return;
	found = toa_option_find(ctx, config);
	if (found)
		judgement = toa_keep(ctx, sk, config, found);
	if (judgement != TOA_INFO_HAS_ADDR) {
		toa_count(TOA_SYN_RECV_SOCK_NO_TOA);
		toa_count_refused(judgement);
		return;
	}
	toa_count(TOA_SYN_RECV_SOCK_TOA);
	toa_count(TOA_ADDRESS_ALLOC);
	/* Others may have asked for callbacks on this socket: theirs stay. */
	bpf_sock_ops_cb_flags_set(ctx, ctx->bpf_sock_ops_cb_flags |
				       BPF_SOCK_OPS_STATE_CB_FLAG);
}

static __always_inline void toa_capture_close(struct bpf_sock_ops *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct toa_conn *conn;

	if (!sk || ctx->args[0] == BPF_TCP_CLOSE || ctx->args[1] != BPF_TCP_CLOSE)
		return;
	conn = bpf_sk_storage_get(&toa_conns, sk, NULL, 0);
	if (conn && toa_table_is_own(conn) && conn->flags & TOA_INFO_HAS_ADDR)
		toa_count(TOA_ADDRESS_FREE);
}

/* connect(AF_UNSPEC) frees a socket for another connection: forget the old one. */
static __always_inline void toa_capture_reuse(struct bpf_sock_ops *ctx)
{
	struct bpf_sock *sk = ctx->sk;

	if (sk)
		bpf_sk_storage_delete(&toa_conns, sk);
}

#endif
