// SPDX-License-Identifier: GPL-2.0-only
/*
 * The two calls of toa.h. The kernel hands us every getsockopt(IPPROTO_IP) with
 * these names on IPv4 and IPv6 sockets of any kind, and keeps the module loaded
 * during a call. The socket is not locked, nor may we lock it: 3.10 has done so
 * already.
 */
#include <linux/module.h>
#include <linux/netfilter.h>
#include <linux/printk.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <net/inet_sock.h>
#include <net/tcp_states.h>

#include <toa.h>

#include "addr.h"
#include "compat/compat.h"
#include "peername.h"
#include "selfcheck.h"
#include "sockopt.h"
#include "table.h"

/* Raw sockets can have this protocol too, and are no inet_sock of ours. */
static bool is_tcp(const struct sock *sk)
{
	int family = READ_ONCE(sk->sk_family);	/* IPV6_ADDRFORM changes it */

	return sk->sk_protocol == IPPROTO_TCP && sk->sk_type == SOCK_STREAM &&
	       (family == AF_INET || family == AF_INET6);
}

static int copy_answer(void __user *user, int *len, const void *answer, int size)
{
	if (*len < size)
		return -EINVAL;
	if (copy_to_user(user, answer, size))
		return -EFAULT;
	*len = size;
	return 0;
}

static int get_lookup(struct sock *sk, void __user *user, int *len)
{
	struct toa_nat64_peer lookup;
	struct toa_answer answer;

	if (!toa_table_find(sk, &answer, NULL) || answer.outcome != TOA_ADDRESS)
		return -EINVAL;
	memset(&lookup, 0, sizeof(lookup));
	memcpy(lookup.saddr, answer.client.addr, sizeof(lookup.saddr));
	lookup.sport = answer.client.port;
	return copy_answer(user, len, &lookup, sizeof(lookup));
}

static void fill_peer(struct toa_info *info, const struct sock *sk)
{
	__be16 port = READ_ONCE(inet_sk(sk)->inet_dport);
	__be32 daddr = READ_ONCE(inet_sk(sk)->inet_daddr);
	int state = READ_ONCE(sk->sk_state);

	if (!port || state == TCP_LISTEN || state == TCP_SYN_SENT)
		return;
	info->peer_port = port;
	if (READ_ONCE(sk->sk_family) == AF_INET6)
		memcpy(info->peer, toa_sk_v6_daddr(sk), sizeof(info->peer));
	else
		toa_addr_map(info->peer, &daddr);
}

static void fill_answer(struct toa_info *info, const struct sock *sk)
{
	struct toa_answer answer;
	struct toa_end virtual;

	if (!toa_table_find(sk, &answer, &virtual))
		return;
	info->kind = answer.kind;
	info->len = toa_answer_len(&answer);
	switch (answer.outcome) {
	case TOA_ADDRESS:
		info->flags |= TOA_INFO_HAS_ADDR;
		memcpy(info->client, answer.client.addr, sizeof(info->client));
		info->client_port = answer.client.port;
		if (toa_peername_shows(sk, &answer) && toa_selfcheck_probes_fire())
			info->flags |= TOA_INFO_PEERNAME;
		if (answer.has_virtual) {
			info->flags |= TOA_INFO_HAS_VIRTUAL;
			memcpy(info->virtual_addr, virtual.addr, sizeof(info->virtual_addr));
			info->virtual_port = virtual.port;
		}
		break;
	case TOA_FOREIGN:
		info->flags |= TOA_INFO_FOREIGN;
		break;
	case TOA_REFUSED_UNTRUSTED:
		info->flags |= TOA_INFO_UNTRUSTED;
		break;
	case TOA_REFUSED_INVALID:
		info->flags |= TOA_INFO_INVALID;
		break;
	case TOA_REFUSED_IMPLAUSIBLE:
		info->flags |= TOA_INFO_IMPLAUSIBLE;
		break;
	}
}

static int get_info(struct sock *sk, void __user *user, int *len)
{
	struct toa_info info;

	memset(&info, 0, sizeof(info));
	info.version = TOA_INFO_VERSION;
	info.source = TOA_SOURCE_MODULE;
	info.flags = TOA_INFO_TRUST_ENFORCED;
	fill_peer(&info, sk);
	fill_answer(&info, sk);
	/* Callers of before know the first version alone. */
	return copy_answer(user, len, &info,
			   *len < (int)sizeof(info) ? TOA_INFO_V1_LEN : sizeof(info));
}

static int get(struct sock *sk, int name, void __user *user, int *len)
{
	if (!is_tcp(sk))
		return -EINVAL;
	/* As without a module: we cannot know whether there was an option. */
	if (!toa_selfcheck_hooks_fire())
		return -ENOPROTOOPT;
	switch (name) {
	case TOA_SO_GET_LOOKUP:
		return get_lookup(sk, user, len);
	case TOA_SO_GET_INFO:
		return get_info(sk, user, len);
	default:
		return -ENOPROTOOPT;
	}
}

static struct nf_sockopt_ops sockopts = {
	.pf = PF_INET,
	.get_optmin = TOA_SO_GET_LOOKUP,
	.get_optmax = TOA_SO_GET_INFO + 1,
	.get = get,
	.owner = THIS_MODULE,
};

int toa_sockopt_init(void)
{
	int err;

	BUILD_BUG_ON(sizeof(struct toa_nat64_peer) != 20);
	BUILD_BUG_ON(sizeof(struct toa_info) != 68);

	err = nf_register_sockopt(&sockopts);
	if (err == -EBUSY)
		pr_err("another TOA module answers getsockopt %d already: unload it first\n",
		       TOA_SO_GET_LOOKUP);
	return err;
}

void toa_sockopt_exit(void)
{
	nf_unregister_sockopt(&sockopts);
}
