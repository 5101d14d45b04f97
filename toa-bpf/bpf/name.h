/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* getpeername() and accept(), for programs that know nothing of TOA. */
#ifndef TOA_NAME_H
#define TOA_NAME_H

/* The connection whose client is to be shown. */
static __always_inline struct toa_conn *toa_name(struct bpf_sock_addr *ctx)
{
	const struct toa_config *config = toa_get_config();
	struct bpf_sock *sk = ctx->sk;
	struct toa_conn *conn;

	if (!sk || !config || ctx->type != SOCK_STREAM || ctx->protocol != IPPROTO_TCP)
		return NULL;
	conn = toa_lookup(sk);
	if (!conn || !(conn->flags & TOA_INFO_HAS_ADDR)) {
		toa_count(TOA_GETNAME_EMPTY);
		return NULL;
	}
	if (!config->peername) {
		toa_count(TOA_GETNAME_BYPASS);
		return NULL;
	}
	return conn;
}

SEC("cgroup/getpeername4")
int toa_peername4(struct bpf_sock_addr *ctx)
{
	struct toa_conn *conn = toa_name(ctx);

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
	struct toa_conn *conn = toa_name(ctx);

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

#endif
