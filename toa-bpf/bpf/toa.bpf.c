// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * The eBPF source of TOA addresses: one object for Linux 5.10 and later.
 *
 * toa_sockops reads the option when a passive open completes and keeps the address
 * in the socket's storage; the other three programs answer from there.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "addr.h"
#include "capture.h"
#include "peername.h"
#include "recent.h"
#include "sockopt.h"
#include "stats.h"
#include "table.h"
#include "toa.h"

_Static_assert(sizeof(struct toa_nat64_peer) == 20, "the ABI");
_Static_assert(sizeof(struct toa_info) == 68, "the ABI");

char LICENSE[] SEC("license") = "Dual MIT/GPL";

SEC("sockops")
int toa_sockops(struct bpf_sock_ops *ctx)
{
	switch (ctx->op) {
	case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
		toa_capture_open(ctx);
		break;
	case BPF_SOCK_OPS_PARSE_HDR_OPT_CB:
		toa_capture_late(ctx);
		break;
	case BPF_SOCK_OPS_STATE_CB:
		toa_capture_close(ctx);
		break;
	case BPF_SOCK_OPS_TCP_CONNECT_CB:
	case BPF_SOCK_OPS_TCP_LISTEN_CB:
		toa_capture_reuse(ctx);
		break;
	}
	return 1;
}

SEC("cgroup/getsockopt")
int toa_getsockopt(struct bpf_sockopt *ctx)
{
	int ours = ctx->level == SOL_IP && (ctx->optname == TOA_SO_GET_LOOKUP ||
					    ctx->optname == TOA_SO_GET_INFO);

	if (!ours || !toa_sockopt_answer(ctx))
		toa_sockopt_pass(ctx);
	return 1;
}

SEC("cgroup/getpeername4")
int toa_peername4(struct bpf_sock_addr *ctx)
{
	struct toa_conn *conn = toa_peername_find(ctx);

	if (!conn)
		return 1;
	if (!toa_is_ipv4(conn->client)) {
		toa_count(TOA_GETNAME_MISMATCH);
		return 1;
	}
	ctx->user_ip4 = conn->client[3];
	ctx->user_port = conn->client_port;
	toa_count(TOA_GETNAME_OK);
	return 1;
}

SEC("cgroup/getpeername6")
int toa_peername6(struct bpf_sock_addr *ctx)
{
	struct toa_conn *conn = toa_peername_find(ctx);

	if (!conn)
		return 1;
	ctx->user_ip6[0] = conn->client[0];
	ctx->user_ip6[1] = conn->client[1];
	ctx->user_ip6[2] = conn->client[2];
	ctx->user_ip6[3] = conn->client[3];
	ctx->user_port = conn->client_port;
	toa_count(TOA_GETNAME_OK);
	return 1;
}
