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

static __always_inline void toa_refuse(struct toa_conn *conn, __u32 flag)
{
	__builtin_memset(conn->client, 0, sizeof(conn->client));
	conn->client_port = 0;
	conn->kind = 0;
	conn->flags = flag;
}

/* Counts, and says whether there is anything to keep. */
static __always_inline int toa_judge(struct bpf_sock_ops *ctx,
				     struct toa_conn *conn)
{
	const struct toa_config *config = toa_get_config();
	__u32 peer[4] = {};
	enum toa_found found;
	__u32 at = 0;

	if (!config)
		return 0;
	found = toa_option_find(ctx, conn, &at);
	if (found == TOA_NONE)
		return 0;
	toa_remote(ctx, peer);
	if (!toa_is_trusted(config, peer)) {
		toa_count(TOA_UNTRUSTED);
		toa_refuse(conn, TOA_INFO_UNTRUSTED);
	} else if (found == TOA_BAD || toa_is_refused(conn->client)) {
		toa_count(TOA_INVALID);
		toa_refuse(conn, TOA_INFO_INVALID);
	} else if (!config->believe_implausible && !toa_option_is_plausible(ctx, at)) {
		toa_count(TOA_IMPLAUSIBLE);
		toa_refuse(conn, TOA_INFO_IMPLAUSIBLE);
	} else {
		conn->flags = TOA_INFO_HAS_ADDR;
	}
	return 1;
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

static __always_inline void toa_capture_open(struct bpf_sock_ops *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct toa_conn conn = {};
	void *kept = NULL;

	if (toa_is_crossed(ctx) || toa_is_judged(ctx))
		return;
	if (sk && toa_judge(ctx, &conn)) {
		conn.peer_port = *(__be16 *)&sk->dst_port;
		conn.scope = toa_scope;
		kept = bpf_sk_storage_get(&toa_conns, sk, &conn,
					  BPF_SK_STORAGE_GET_F_CREATE);
		if (!kept && conn.flags & TOA_INFO_HAS_ADDR)
			toa_count(TOA_STORE_FAILED);
	}
	if (!kept || !(conn.flags & TOA_INFO_HAS_ADDR)) {
		toa_count(TOA_SYN_RECV_SOCK_NO_TOA);
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
