/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The connections and their clients. */
#ifndef TOA_TABLE_H
#define TOA_TABLE_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/*
 * What is known of one connection. It is kept in the socket's own storage, so
 * the kernel frees it with the socket and no other socket can ever show it.
 */
struct toa_conn {
	__u32  client[4];	/* IPv4 as mapped; network order */
	__be16 client_port;
	__be16 peer_port;	/* of the connection that this was stored for */
	__u8   kind;		/* of the accepted or foreign option, and its length */
	__u8   len;
	__u16  flags;		/* TOA_INFO_HAS_ADDR, or why there is none; _HAS_VIRTUAL */
	__u32  opened;		/* jiffies >> TOA_OPENED_SHIFT: a clock costs 70 ns */
	__u32  scope;		/* of the source that judged */
};
/* A new layout drops open connections: give the pin another name in src/loader/slot.rs. */
_Static_assert(sizeof(struct toa_conn) == 32, "mirrored in Rust");

/* What the client asked for, where the balancer tells. */
struct toa_virtual {
	__u32  addr[4];		/* IPv4 as mapped; network order */
	__be16 port;		/* 0 where the format has none */
	__u8   zero[2];
};
_Static_assert(sizeof(struct toa_virtual) == 20, "mirrored in Rust");

#define TOA_OPENED_SHIFT	8	/* 0.3 to 2.6 seconds, by the kernel's HZ */

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct toa_conn);
} toa_conns SEC(".maps");

/* Only sockets whose toa_conn says so have one. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct toa_virtual);
} toa_virtuals SEC(".maps");

/*
 * Sources of several cgroups share the table. Where cgroups lie in each other, the programs
 * of all run, those of the closest one first: it judges, and the others leave its
 * connections alone. The loader sets both; a source by itself has 0.
 */
const volatile __u32 toa_scope = 0;	/* tells the sources of a table apart */
const volatile __u32 toa_table = 0;	/* tells the tables apart */

static __always_inline int toa_table_is_own(const struct toa_conn *conn)
{
	return conn->scope == toa_scope;
}

/* What was stored for the connection that the socket has now, if any. */
static __always_inline struct toa_conn *toa_table_find(struct bpf_sock *sk)
{
	struct toa_conn *conn = bpf_sk_storage_get(&toa_conns, sk, NULL, 0);

	/* connect(AF_UNSPEC) clears the port: that connection is over. */
	if (conn && conn->peer_port == *(__be16 *)&sk->dst_port)
		return conn;
	return NULL;
}

#endif
