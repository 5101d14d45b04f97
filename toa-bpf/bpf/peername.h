/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* getpeername() and accept(), for programs that know nothing of TOA. */
#ifndef TOA_PEERNAME_H
#define TOA_PEERNAME_H

#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>

#include "addr.h"
#include "config.h"
#include "stats.h"
#include "table.h"
#include "toa.h"

/* The connection whose client is to be shown. */
static __always_inline struct toa_conn *toa_peername_find(struct bpf_sock_addr *ctx)
{
	const struct toa_config *config = toa_get_config();
	struct bpf_sock *sk = ctx->sk;
	struct toa_conn *conn;

	if (!sk || !config || ctx->type != SOCK_STREAM || ctx->protocol != IPPROTO_TCP)
		return NULL;
	conn = toa_table_find(sk);
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

#endif
