// SPDX-License-Identifier: GPL-2.0-only
/*
 * inet_getname() and inet6_getname() fill a buffer of the kernel's for
 * getpeername() and accept(); on their return we put the client there. In-kernel
 * users of the peer's name (nfsd, for one) see the client as well.
 *
 * A socket without an address takes no return probe: the entry handler refuses
 * it. The handlers run in the caller's task and never inside another probe's.
 */
#include <linux/cpumask.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/kernel.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/printk.h>
#include <linux/ptrace.h>
#include <linux/string.h>
#include <net/sock.h>

#include "addr.h"
#include "compat/args.h"
#include "compat/compat.h"
#include "config.h"
#include "peername.h"
#include "stats.h"
#include "table.h"

/* Passed from entry to return. */
struct call {
	struct sockaddr *name;
	const struct net *net;
	struct toa_end client;
};

bool toa_peername_shows(const struct sock *sk, const struct toa_answer *answer)
{
	return answer->outcome == TOA_ADDRESS && toa_config_peername() &&
	       (READ_ONCE(sk->sk_family) == AF_INET6 ||
		toa_addr_is_mapped(answer->client.addr));
}

static enum toa_stat verdict(const struct sock *sk, const struct toa_answer *answer)
{
	if (answer->outcome != TOA_ADDRESS)
		return TOA_STAT_GETNAME_EMPTY;
	if (!toa_config_peername())
		return TOA_STAT_GETNAME_BYPASS;
	if (!toa_peername_shows(sk, answer))
		return TOA_STAT_GETNAME_MISMATCH;
	return TOA_STAT_GETNAME_OK;
}

/* Nonzero means no return probe for this call. */
static int on_entry(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct socket *sock = (struct socket *)toa_regs_arg(regs, 0);
	int peer = (int)toa_regs_arg(regs, TOA_GETNAME_PEER_ARG);
	struct call *call = (struct call *)ri->data;
	struct toa_answer answer;
	struct sock *sk = sock->sk;
	enum toa_stat stat;

	if (!peer || sk->sk_protocol != IPPROTO_TCP || sk->sk_type != SOCK_STREAM)
		return 1;
	if (!toa_table_find(sk, &answer, NULL))
		answer.outcome = TOA_NO_OPTION;
	stat = verdict(sk, &answer);
	if (stat != TOA_STAT_GETNAME_OK) {
		toa_stat_inc(sock_net(sk), stat);
		return 1;
	}
	call->name = (struct sockaddr *)toa_regs_arg(regs, 1);
	call->net = sock_net(sk);
	call->client = answer.client;
	return 0;
}

/* The caller expects the family that the kernel wrote. */
static int on_return(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct call *call = (const struct call *)ri->data;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)call->name;
	struct sockaddr_in *in = (struct sockaddr_in *)call->name;

	if ((int)regs_return_value(regs) < 0)
		return 0;
	if (call->name->sa_family == AF_INET6) {
		in6->sin6_port = call->client.port;
		in6->sin6_flowinfo = 0;
		memcpy(&in6->sin6_addr, call->client.addr, 16);
		in6->sin6_scope_id = 0;
	} else if (toa_addr_is_mapped(call->client.addr)) {
		in->sin_port = call->client.port;
		memcpy(&in->sin_addr, call->client.addr + 12, 4);
	}
	toa_stat_inc(call->net, TOA_STAT_GETNAME_OK);
	return 0;
}

static struct kretprobe probes[] = {
	{ .kp.symbol_name = "inet_getname" },
	{ .kp.symbol_name = "inet6_getname" },
};

static bool registered[ARRAY_SIZE(probes)];

/*
 * The probed functions can sleep on the socket's lock, so there can be more
 * calls at a time than CPUs; a call beyond this number shows the balancer and
 * is counted.
 */
static int max_calls(void)
{
	return max_t(int, 128, 8 * num_possible_cpus());
}

int toa_peername_init(void)
{
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		probes[i].entry_handler = on_entry;
		probes[i].handler = on_return;
		probes[i].data_size = sizeof(struct call);
		probes[i].maxactive = max_calls();
		err = register_kretprobe(&probes[i]);
		if (err == -ENOENT && i)
			continue;
		if (err) {
			pr_err("cannot probe %s: error %d\n",
			       probes[i].kp.symbol_name, err);
			toa_peername_exit();
			return err;
		}
		registered[i] = true;
	}
	return 0;
}

void toa_peername_exit(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(probes); i++)
		if (registered[i])
			unregister_kretprobe(&probes[i]);
}

unsigned long toa_peername_missed(void)
{
	unsigned long missed = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(probes); i++)
		missed += READ_ONCE(probes[i].nmissed) + READ_ONCE(probes[i].kp.nmissed);
	return missed;
}
