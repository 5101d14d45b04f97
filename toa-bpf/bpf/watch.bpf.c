// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * An observer for `toa watch`, attached to a source's cgroup beside it while somebody
 * watches. It tells what the source has decided, from the source's own table; every
 * segment passes, and nothing that a source or a socket could notice is changed.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "addr.h"
#include "table.h"
#include "toa.h"
#include "watch.h"
#include "watch_segment.h"

#ifndef TCP_LISTEN
#define TCP_LISTEN	10
#endif

char LICENSE[] SEC("license") = "Dual MIT/GPL";

static __always_inline void toa_watch_ends(struct bpf_sock_ops *ctx,
					   struct bpf_sock *sk, struct toa_event *event)
{
	event->local_port = bpf_htons(ctx->local_port);
	event->peer_port = *(__be16 *)&sk->dst_port;
	if (ctx->family == AF_INET6) {
		event->local[0] = ctx->local_ip6[0];
		event->local[1] = ctx->local_ip6[1];
		event->local[2] = ctx->local_ip6[2];
		event->local[3] = ctx->local_ip6[3];
		toa_barrier();
		event->peer[0] = ctx->remote_ip6[0];
		event->peer[1] = ctx->remote_ip6[1];
		event->peer[2] = ctx->remote_ip6[2];
		event->peer[3] = ctx->remote_ip6[3];
		toa_barrier();
	} else {
		event->local[2] = event->peer[2] = TOA_MAPPED;
		event->local[3] = ctx->local_ip4;
		event->peer[3] = ctx->remote_ip4;
	}
}

static __always_inline void toa_watch_virtual(struct bpf_sock *sk, struct toa_event *event)
{
	struct toa_virtual *virtual = bpf_sk_storage_get(&toa_virtuals, sk, NULL, 0);

	if (!virtual)
		return;
	__builtin_memcpy(event->virtual, virtual->addr, sizeof(event->virtual));
	event->virtual_port = virtual->port;
}

SEC("sockops")
int toa_watch_open(struct bpf_sock_ops *ctx)
{
	struct toa_watch_cpu *cpu = toa_watch_cpu();
	struct bpf_sock *sk = ctx->sk;
	struct toa_event event = {};
	struct toa_conn *conn;
	__u64 cookie;

	/* Two connect() whose SYNs cross: see capture.h. */
	if (ctx->op != BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB || ctx->bytes_acked || !sk || !cpu)
		return 1;
	cookie = bpf_get_socket_cookie(ctx);
	if (cpu->opened == cookie)
		return 1;
	cpu->opened = cookie;
	event.what = TOA_WATCH_OPENED;
	toa_watch_ends(ctx, sk, &event);
	conn = toa_table_find(sk);
	if (conn) {
		__builtin_memcpy(event.client, conn->client, sizeof(event.client));
		event.client_port = conn->client_port;
		event.flags = conn->flags;
		event.kind = conn->kind;
		event.len = conn->len;
		if (conn->flags & TOA_INFO_HAS_VIRTUAL)
			toa_watch_virtual(sk, &event);
	} else {
		__u32 zero = 0;

		bpf_sk_storage_get(&toa_watch_late, sk, &zero, BPF_SK_STORAGE_GET_F_CREATE);
	}
	/* The segment has passed the ingress on this CPU just now. */
	if (!event.kind && cpu->seen.peer == event.peer[3] &&
	    cpu->seen.peer_port == event.peer_port) {
		event.kind = cpu->seen.kind;
		event.len = cpu->seen.len;
	}
	toa_watch_tell(cpu, &event);
	return 1;
}

/* Whether options of this segment are told: of a SYN, and of the first late one. */
static __always_inline int toa_watch_is_wanted(struct bpf_sock *sk, __u32 *late)
{
	return sk->state == TCP_LISTEN || (late && !*late);
}

SEC("cgroup_skb/ingress")
int toa_watch_skb(struct __sk_buff *skb)
{
	struct toa_watch_cpu *cpu = toa_watch_cpu();
	struct toa_segment segment = {};
	struct toa_event event = {};
	struct bpf_sock *sk = skb->sk;
	__u32 option, *late = NULL;

	if (!sk || !cpu)
		return 1;
	sk = bpf_sk_fullsock(sk);
	if (!sk || sk->protocol != IPPROTO_TCP)
		return 1;
	if (sk->state != TCP_LISTEN)
		late = bpf_sk_storage_get(&toa_watch_late, sk, NULL, 0);
	if (!toa_watch_is_wanted(sk, late) || !toa_segment_read(skb, &segment))
		return 1;
	option = toa_segment_option(skb, &segment);
	event.kind = option >> 8;
	event.len = option;
	if (!late && !(segment.flags & TCP_FLAG_SYN)) {
		cpu->seen.peer = segment.peer[3];
		cpu->seen.peer_port = segment.peer_port;
		cpu->seen.kind = event.kind;
		cpu->seen.len = event.len;
		return 1;
	}
	if (!option)
		return 1;
	if (late) {
		*late = 1;
		event.what = TOA_WATCH_LATE;
		event.has_data = skb->len > segment.end;
	} else {
		__u64 syn = (__u64)segment.seq << 32 | segment.peer_port << 16 |
			    segment.local_port;

		if (cpu->syn == syn)
			return 1;
		cpu->syn = syn;
		event.what = TOA_WATCH_SYN;
	}
	__builtin_memcpy(event.local, segment.local, sizeof(event.local));
	__builtin_memcpy(event.peer, segment.peer, sizeof(event.peer));
	event.local_port = segment.local_port;
	event.peer_port = segment.peer_port;
	toa_watch_tell(cpu, &event);
	return 1;
}
