/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The whole eBPF program on this machine: the kernel around it is played here,
 * one connection at a time. The header bytes lie where the caller put them, so
 * that AddressSanitizer sees a read beyond them.
 */
#include <string.h>

#include "toa.bpf.c"

#define NETS	16

/* Mirrored in fuzz_targets/ebpf.rs. */
struct host_net {
	__u8 addr[16];		/* IPv4 in the first four */
	__u8 prefix_len;
	__u8 is_ipv6;		/* 2: not a network */
};

struct host_connection {
	struct toa_config config;
	struct host_net nets[NETS];
	__u8 peer[16];		/* of an IPv4 socket: in the first four */
	__u8 peer_port[2];
	__u8 is_ipv6;		/* the socket */
	__u8 zero[5];
};
_Static_assert(sizeof(struct host_connection) == 848, "mirrored in Rust");

struct host_outcome {
	struct toa_info info;
	struct toa_nat64_peer lookup;
	__s32 lookup_retval;
	__u32 name[4];		/* what getpeername() shows */
	__u32 name_port;
	__u32 zero[2];
	__u64 counters[TOA_COUNTERS];
	__u64 recent[TOA_OUTCOMES];
	struct toa_unread_key unread;
	__u32 is_noted;
};
_Static_assert(sizeof(struct host_outcome) == 320, "mirrored in Rust");

static const struct host_connection *now;
static struct toa_config config;
static struct toa_conn stored;
static struct toa_virtual stored_virtual;
static int is_stored, is_virtual_stored;
static __u64 counters[TOA_COUNTERS];
static struct toa_slot slot;
static struct toa_unread_key noted;
static int is_noted;

static void must(int holds)
{
	if (!holds)
		__builtin_trap();
}

/* Half of a network's first address, or of its last, which has all bits behind the prefix. */
static __u64 word(const struct host_net *net, int at, int is_last)
{
	__u64 bits = 0;

	for (int i = at * 64; i < (at + 1) * 64; i++) {
		int bit = net->addr[i / 8] >> (7 - i % 8) & 1;

		bits = bits << 1 | (is_last && i >= net->prefix_len ? 1 : bit);
	}
	return bits;
}

/* The networks of a family are sorted, as the loader sorts them. */
static const struct host_net *trusted(int is_ipv6, __u32 at)
{
	for (int i = 0; i < NETS; i++)
		if (now->nets[i].is_ipv6 == is_ipv6 && !at--)
			return &now->nets[i];
	return NULL;
}

#define SLOT	5

__u64 bpf_jiffies64(void)
{
	return (TOA_SLOTS + SLOT) << TOA_SLOT_SHIFT;
}

/* One connection has one reason. */
long bpf_map_update_elem(void *map, const void *key, const void *value, __u64 flags)
{
	const struct toa_unread_value *first = value;

	must(map == &toa_unread && flags == BPF_NOEXIST && !is_noted);
	must(first->count == 1 && first->seen == bpf_ktime_get_boot_ns());
	noted = *(const struct toa_unread_key *)key;
	is_noted = 1;
	return 0;
}

void *bpf_map_lookup_elem(void *map, const void *key)
{
	static struct toa_net4 net4;
	static struct toa_net6 net6;
	const struct host_net *net;

	if (map == &toa_trusted4) {
		net = trusted(0, *(const __u32 *)key);
		if (!net)
			return NULL;
		net4.first = word(net, 0, 0) >> 32;
		net4.last = word(net, 0, 1) >> 32;
		return &net4;
	}
	if (map == &toa_trusted6) {
		net = trusted(1, *(const __u32 *)key);
		if (!net)
			return NULL;
		for (int i = 0; i < 2; i++) {
			net6.first[i] = word(net, i, 0);
			net6.last[i] = word(net, i, 1);
		}
		return &net6;
	}
	if (map == &toa_counters) {
		must(*(const __u32 *)key < TOA_COUNTERS);
		return &counters[*(const __u32 *)key];
	}
	if (map == &toa_recent) {
		must(*(const __u32 *)key == SLOT);
		return &slot;
	}
	if (map == &toa_unread)
		return NULL;
	must(map == &toa_config && *(const __u32 *)key == 0);
	return &config;
}

void *bpf_sk_storage_get(void *map, void *sk, const void *value, __u64 flags)
{
	int is_virtual = map == &toa_virtuals;
	int *has = is_virtual ? &is_virtual_stored : &is_stored;

	must(sk && (is_virtual || map == &toa_conns));
	if (!*has && flags & BPF_SK_STORAGE_GET_F_CREATE) {
		if (is_virtual)
			stored_virtual = *(const struct toa_virtual *)value;
		else
			stored = *(const struct toa_conn *)value;
		*has = 1;
	}
	if (!*has)
		return NULL;
	return is_virtual ? (void *)&stored_virtual : (void *)&stored;
}

__u64 bpf_ktime_get_boot_ns(void)
{
	return 7000000000;
}

long bpf_sk_storage_delete(void *map, void *sk)
{
	must(map == &toa_conns && sk);
	is_stored = 0;
	return 0;
}

/* Kernels that need it are not played here. */
long bpf_probe_read_kernel(void *dst, __u32 size, const void *from)
{
	must(!dst && !size && !from);
	return -1;
}

long bpf_sock_ops_cb_flags_set(struct bpf_sock_ops *ctx, int flags)
{
	ctx->bpf_sock_ops_cb_flags = flags;
	return 0;
}

/* What a kernel without the program answers: no such option. */
static int ask(struct bpf_sock *sk, int name, void *answer, int len, int expected)
{
	struct bpf_sockopt ctx = {
		.sk = sk,
		.optval = answer,
		.optval_end = (__u8 *)answer + len,
		.level = SOL_IP,
		.optname = name,
		.optlen = len,
		.retval = -92,
	};

	must(toa_getsockopt(&ctx) == 1);
	must(ctx.optlen == (ctx.retval ? len : expected));
	return ctx.retval;
}

/* A caller that knows the first version gets its part, and no more is written. */
static void ask_for_version_1(struct bpf_sock *sk, const struct toa_info *whole)
{
	struct toa_info info;
	const __u8 *rest = (const __u8 *)&info + TOA_INFO_V1_LEN;

	for (int len = TOA_INFO_V1_LEN; len < (int)sizeof(info); len += 19) {
		memset(&info, 0xa5, sizeof(info));
		must(!ask(sk, TOA_SO_GET_INFO, &info, len, TOA_INFO_V1_LEN));
		must(!memcmp(&info, whole, TOA_INFO_V1_LEN));
		for (unsigned int i = 0; i < sizeof(info) - TOA_INFO_V1_LEN; i++)
			must(rest[i] == 0xa5);
	}
	must(ask(sk, TOA_SO_GET_INFO, &info, TOA_INFO_V1_LEN - 1, 0));
}

static void show_name(struct bpf_sock *sk, struct host_outcome *outcome)
{
	struct bpf_sock_addr ctx = {
		.user_family = sk->family,
		.user_ip4 = sk->dst_ip4,
		.user_port = sk->dst_port,
		.family = sk->family,
		.type = SOCK_STREAM,
		.protocol = IPPROTO_TCP,
		.sk = sk,
	};

	memcpy(ctx.user_ip6, sk->dst_ip6, sizeof(ctx.user_ip6));
	must((now->is_ipv6 ? toa_peername6(&ctx) : toa_peername4(&ctx)) == 1);
	if (now->is_ipv6)
		memcpy(outcome->name, ctx.user_ip6, sizeof(outcome->name));
	else
		outcome->name[0] = ctx.user_ip4;
	outcome->name_port = ctx.user_port;
}

/* Opens a connection whose last handshake segment has this TCP header, and asks. */
void toa_host_open(const struct host_connection *connection, __u8 *header,
		   __u32 header_len, struct host_outcome *outcome)
{
	struct bpf_sock sk = {
		.family = connection->is_ipv6 ? AF_INET6 : AF_INET,
		.type = SOCK_STREAM,
		.protocol = IPPROTO_TCP,
		.state = 1,
	};
	struct bpf_sock_ops ctx = {
		.op = BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB,
		.sk = &sk,
		.skb_data = header,
		.skb_data_end = header + header_len,
	};

	header[12] = header_len / 4 << 4;

	now = connection;
	config = connection->config;
	is_stored = is_virtual_stored = 0;
	memset(counters, 0, sizeof(counters));
	/* Of an older time: its figures must be forgotten. */
	memset(&slot, 0xa5, sizeof(slot));
	memset(&noted, 0, sizeof(noted));
	is_noted = 0;
	memset(outcome, 0, sizeof(*outcome));
	memcpy(&sk.dst_port, connection->peer_port, 2);
	if (connection->is_ipv6)
		memcpy(sk.dst_ip6, connection->peer, 16);
	else
		memcpy(&sk.dst_ip4, connection->peer, 4);
	ctx.family = sk.family;
	ctx.remote_ip4 = sk.dst_ip4;
	memcpy(ctx.remote_ip6, sk.dst_ip6, sizeof(ctx.remote_ip6));

	must(toa_sockops(&ctx) == 1);
	must(!is_stored || stored.opened == bpf_jiffies64() >> TOA_OPENED_SHIFT);
	must(!ask(&sk, TOA_SO_GET_INFO, &outcome->info, sizeof(outcome->info),
		  sizeof(outcome->info)));
	ask_for_version_1(&sk, &outcome->info);
	outcome->lookup_retval = ask(&sk, TOA_SO_GET_LOOKUP, &outcome->lookup,
				     sizeof(outcome->lookup), sizeof(outcome->lookup));
	show_name(&sk, outcome);
	memcpy(outcome->counters, counters, sizeof(counters));
	must(slot.number == TOA_SLOTS + SLOT && slot.start == bpf_ktime_get_boot_ns());
	memcpy(outcome->recent, slot.counts, sizeof(slot.counts));
	outcome->unread = noted;
	outcome->is_noted = is_noted;
}
