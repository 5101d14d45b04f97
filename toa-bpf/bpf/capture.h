/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* From the segment that completes a passive open to the table. */
#ifndef TOA_CAPTURE_H
#define TOA_CAPTURE_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "addr.h"
#include "config.h"
#include "option.h"
#include "plausible.h"
#include "recent.h"
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

/* As a judgement: believed, but there is no memory to keep it. */
#define TOA_LOST	(1U << 31)

/* Counts why there is no address. */
static __always_inline enum toa_outcome toa_count_refused(__u32 judgement)
{
	switch (judgement) {
	case TOA_INFO_FOREIGN:
		toa_count(TOA_FOREIGN);
		return TOA_OUTCOME_FOREIGN;
	case TOA_INFO_UNTRUSTED:
		toa_count(TOA_UNTRUSTED);
		return TOA_OUTCOME_UNTRUSTED;
	case TOA_INFO_INVALID:
		toa_count(TOA_INVALID);
		return TOA_OUTCOME_INVALID;
	case TOA_INFO_IMPLAUSIBLE:
		toa_count(TOA_IMPLAUSIBLE);
		return TOA_OUTCOME_IMPLAUSIBLE;
	case TOA_LOST:
		toa_count(TOA_STORE_FAILED);
		return TOA_OUTCOME_LOST;
	}
	toa_count(TOA_NOT_SENT);
	return TOA_OUTCOME_NOT_SENT;
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

static __always_inline void *toa_store(struct bpf_sock *sk, struct toa_conn *conn)
{
	conn->peer_port = *(__be16 *)&sk->dst_port;
	conn->scope = toa_scope;
	conn->opened = bpf_jiffies64() >> TOA_OPENED_SHIFT;
	return bpf_sk_storage_get(&toa_conns, sk, conn, BPF_SK_STORAGE_GET_F_CREATE);
}

/* Judges the option that was found, and keeps what comes of it. */
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
	if (!toa_store(sk, &conn) && judgement == TOA_INFO_HAS_ADDR)
		return TOA_LOST;
	return judgement;
}

/* Others may have asked for callbacks on this socket: theirs stay. */
static __always_inline void toa_call_back(struct bpf_sock_ops *ctx, __u32 flag)
{
	bpf_sock_ops_cb_flags_set(ctx, ctx->bpf_sock_ops_cb_flags | flag);
}

/* What there is to say of a connection without an address. */
static __always_inline void toa_explain(struct bpf_sock_ops *ctx, __u32 found,
					enum toa_outcome outcome)
{
	__u32 peer[4] = {};

	if (!found || outcome == TOA_OUTCOME_LOST)
		return;
	toa_remote(ctx, peer);
	toa_unread_note(ctx, found,
			outcome == TOA_OUTCOME_NOT_SENT ? TOA_UNREAD_KIND : outcome, peer);
}

static __always_inline void toa_capture_open(struct bpf_sock_ops *ctx)
{
	const struct toa_config *config = toa_get_config();
	struct bpf_sock *sk = ctx->sk;
	__u32 found, judgement = 0;
	enum toa_outcome outcome;

	if (toa_is_crossed(ctx) || toa_is_judged(ctx) || !config || !sk)
		return;
	found = toa_option_find(ctx, config);
	if (found & FOUND_OPTION)
		judgement = toa_keep(ctx, sk, config, found);
	if (judgement == TOA_INFO_HAS_ADDR) {
		toa_count(TOA_SYN_RECV_SOCK_TOA);
		toa_recent_count(TOA_OUTCOME_TOA);
		toa_call_back(ctx, BPF_SOCK_OPS_STATE_CB_FLAG);
		return;
	}
	toa_count(TOA_SYN_RECV_SOCK_NO_TOA);
	outcome = toa_count_refused(judgement);
	toa_recent_count(outcome);
	toa_explain(ctx, found, outcome);
	if (outcome == TOA_OUTCOME_NOT_SENT)
		toa_call_back(ctx, BPF_SOCK_OPS_PARSE_UNKNOWN_HDR_OPT_CB_FLAG);
}

/*
 * A segment of an open connection whose handshake brought no option, with an option that
 * the kernel does not know. It never gives the connection an address: whoever is behind
 * the balancer can have written it. That it came is said, once for each connection, which
 * what is stored with it tells; and of trusted peers alone, as others may send what they like.
 */
static __always_inline void toa_capture_late(struct bpf_sock_ops *ctx)
{
	const struct toa_config *config = toa_get_config();
	struct bpf_sock *sk = ctx->sk;
	struct toa_conn conn = {};
	__u32 peer[4] = {};
	__u32 found;

	if (toa_is_judged(ctx) || !config || !sk)
		return;
	found = toa_option_find(ctx, config);
	if (!(found & STEP_COUNTS) || bpf_sk_storage_get(&toa_conns, sk, NULL, 0))
		return;
	toa_remote(ctx, peer);
	if (!toa_is_trusted(config, peer) || !toa_store(sk, &conn))
		return;
	toa_count(TOA_LATE);
	toa_recent_count(TOA_OUTCOME_LATE);
	toa_unread_note(ctx, found, TOA_OUTCOME_LATE, peer);
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

	if (!sk)
		return;
	bpf_sk_storage_delete(&toa_conns, sk);
	bpf_sk_storage_delete(&toa_virtuals, sk);
}

#endif
