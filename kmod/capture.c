// SPDX-License-Identifier: GPL-2.0-only
/*
 * From the segment to the socket.
 *
 * tcp_v4_syn_recv_sock() and tcp_v6_syn_recv_sock() make the socket of a
 * completed handshake. At their entry there is the segment but not yet the
 * socket; it appears when they call __inet_inherit_port(listener, socket),
 * before anyone can look it up. The answer waits in a per-CPU variable in
 * between: all three run without interruption, with bottom halves off.
 *
 * On a dual-stack listener tcp_v6_syn_recv_sock() calls tcp_v4_syn_recv_sock()
 * for an IPv4 segment: the option is then read twice and bound once.
 *
 * In 3.10 a segment that met a locked listener is handled by the task that
 * holds the lock, with bottom halves on: such a task has a slot of its own,
 * and the listener tells whose answer it is.
 */
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <net/inet_sock.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "addr.h"
#include "capture.h"
#include "compat/compat.h"
#include "config.h"
#include "hook.h"
#include "option.h"
#include "recent.h"
#include "stats.h"
#include "table.h"
#include "unread.h"

struct pending {
	const struct sock *listener;	/* NULL: nothing pending */
	struct toa_answer answer;
	struct toa_end virtual;		/* with answer.has_virtual */
	/* Of the option that decided, or of one that nothing reads; 0: there is none. */
	u8 kind;
	u8 len;
};

struct pending_slots {
	struct pending task;
	struct pending softirq;
};

static DEFINE_PER_CPU(struct pending_slots, pending_slots);

static struct pending *this_cpu_pending(void)
{
	struct pending_slots *slots = this_cpu_ptr(&pending_slots);

	return in_serving_softirq() ? &slots->softirq : &slots->task;
}

static void read_ends(const struct sk_buff *skb, const struct tcphdr *th,
		      struct toa_answer *answer)
{
	if (ip_hdr(skb)->version == 4) {
		toa_addr_map(answer->peer.addr, &ip_hdr(skb)->saddr);
		toa_addr_map(answer->local.addr, &ip_hdr(skb)->daddr);
	} else {
		memcpy(answer->peer.addr, &ipv6_hdr(skb)->saddr, 16);
		memcpy(answer->local.addr, &ipv6_hdr(skb)->daddr, 16);
	}
	answer->peer.port = th->source;
	answer->local.port = th->dest;
}

static void log_refused(const struct toa_answer *answer)
{
	static const char * const why[] = {
		[TOA_REFUSED_UNTRUSTED] = "peer not trusted",
		[TOA_REFUSED_INVALID] = "malformed, or bad address or version",
		[TOA_REFUSED_IMPLAUSIBLE] = "no balancer can have written it",
	};

	if (why[answer->outcome] && toa_config_log_refused())
		pr_info_ratelimited("option of %pI6c port %u refused: %s\n",
				    answer->peer.addr, ntohs(answer->peer.port),
				    why[answer->outcome]);
}

static void keep(struct pending *pending, const struct toa_option *option)
{
	struct toa_answer *answer = &pending->answer;

	memcpy(answer->client.addr, option->client, sizeof(option->client));
	memcpy(&answer->client.port, option->port, sizeof(option->port));
	answer->kind = option->kind;
	answer->layout = option->layout;
	answer->has_virtual = option->has_virtual;
	if (!option->has_virtual)
		return;
	memcpy(pending->virtual.addr, option->virtual_addr, sizeof(option->virtual_addr));
	memcpy(&pending->virtual.port, option->virtual_port, sizeof(option->virtual_port));
}

static enum toa_outcome judge(const struct toa_config *config, const u8 *list,
			      unsigned int len, bool timestamps, struct pending *pending)
{
	struct toa_answer *answer = &pending->answer;
	struct toa_option option;
	enum toa_verdict verdict;

	verdict = toa_option_parse(&config->formats, list, len, &option);
	if (verdict == TOA_OPTION_NONE &&
	    !toa_option_find_unknown(&config->formats, list, len, &option))
		return TOA_NO_OPTION;
	pending->kind = option.kind;
	pending->len = option.len;
	if (verdict == TOA_OPTION_NONE)
		return TOA_NO_OPTION;
	/* It claims nothing that would need trust. */
	if (verdict == TOA_OPTION_FOREIGN) {
		answer->kind = option.kind;
		answer->foreign_len = option.len;
		return TOA_FOREIGN;
	}
	/* Whether a stranger's option is valid does not matter. */
	if (!toa_trusted_has(&config->trusted, answer->peer.addr))
		return TOA_REFUSED_UNTRUSTED;
	if (verdict == TOA_OPTION_INVALID)
		return TOA_REFUSED_INVALID;
	if (!toa_option_is_plausible(&option, list, len, timestamps) &&
	    !toa_config_believes_implausible())
		return TOA_REFUSED_IMPLAUSIBLE;
	keep(pending, &option);
	return TOA_ADDRESS;
}

/*
 * tcp_v4_rcv() and tcp_v6_rcv() have checked the TCP header and pulled it into
 * the linear part; the length is checked again because the parser depends on
 * it. A socket made from a SYN is TCP Fast Open's: the handshake is not complete.
 */
static void read_segment(const struct sk_buff *skb, const struct request_sock *req,
			 struct pending *pending)
{
	struct toa_answer *answer = &pending->answer;
	const struct tcphdr *th = tcp_hdr(skb);
	const u8 *list = (const u8 *)(th + 1);
	int len = th->doff * 4 - (int)sizeof(*th);

	memset(answer, 0, sizeof(*answer));
	pending->kind = 0;
	if (len <= 0 || th->syn || list + len > skb_tail_pointer(skb))
		return;
	read_ends(skb, th, answer);
	rcu_read_lock();
	answer->outcome = judge(toa_config_get(), list, len,
				inet_rsk(req)->tstamp_ok, pending);
	rcu_read_unlock();
}

static void on_segment(const unsigned long args[])
{
	struct pending *pending = this_cpu_pending();

	pending->listener = (const struct sock *)args[0];
	read_segment((const struct sk_buff *)args[1],
		     (const struct request_sock *)args[2], pending);
}

static void count(const struct net *net, enum toa_outcome outcome)
{
	if (outcome == TOA_FOREIGN)
		toa_stat_inc(net, TOA_STAT_FOREIGN);
	else if (outcome == TOA_REFUSED_UNTRUSTED)
		toa_stat_inc(net, TOA_STAT_UNTRUSTED);
	else if (outcome == TOA_REFUSED_INVALID)
		toa_stat_inc(net, TOA_STAT_INVALID);
	else if (outcome == TOA_REFUSED_IMPLAUSIBLE)
		toa_stat_inc(net, TOA_STAT_IMPLAUSIBLE);
	toa_stat_inc(net, outcome == TOA_ADDRESS ? TOA_STAT_SYN_RECV_SOCK_TOA :
						   TOA_STAT_SYN_RECV_SOCK_NO_TOA);
}

/*
 * A socket that could not be made leaves its answer behind, so listener and
 * peer are compared.
 */
static bool pending_matches(const struct pending *pending, const struct sock *listener,
			    const struct sock *child)
{
	return pending->listener == listener &&
	       (pending->answer.outcome == TOA_NO_OPTION ||
		toa_end_is_peer_of(&pending->answer.peer, child));
}

static enum toa_outcome bind_pending(struct pending *pending, struct sock *child)
{
	const struct toa_answer *answer = &pending->answer;

	pending->listener = NULL;
	if (pending->kind && answer->outcome != TOA_ADDRESS)
		toa_unread_add(sock_net(child), answer->outcome, pending->kind, pending->len,
			       &answer->peer);
	if (answer->outcome == TOA_NO_OPTION) {
		toa_stat_inc(sock_net(child), TOA_STAT_NOT_SENT);
		return TOA_NO_OPTION;
	}
	if (toa_table_bind(child, answer, &pending->virtual)) {
		toa_stat_inc(sock_net(child), TOA_STAT_ALLOC_FAILED);
		return TOA_NO_OPTION;
	}
	log_refused(answer);
	return answer->outcome;
}

static void on_inherit_port(const unsigned long args[])
{
	const struct sock *listener = (const struct sock *)args[0];
	struct sock *child = (struct sock *)args[1];
	struct pending *pending = this_cpu_pending();

	/* DCCP comes through here as well. */
	if (child->sk_protocol != IPPROTO_TCP)
		return;
	toa_recent_tick(sock_net(child));
	toa_table_drop(child);
	if (unlikely(!pending_matches(pending, listener, child))) {
		toa_stat_inc(sock_net(child), TOA_STAT_PROBE_MISSED);
		count(sock_net(child), TOA_NO_OPTION);
		return;
	}
	count(sock_net(child), bind_pending(pending, child));
}

static void on_socket_end(const unsigned long args[])
{
	toa_table_drop((const struct sock *)args[0]);
}

/*
 * Removed in reverse order: first no more entries are made, then none is
 * dropped. inet_sock_destruct() runs before the memory of any TCP socket is
 * freed, on every path, failed handshakes included. A disconnected socket stays
 * and can connect to another peer.
 */
static struct toa_hook hooks[] = {
	{
		.symbols = { "inet_sock_destruct", "tcp_disconnect" },
		.handler = on_socket_end,
	}, {
		.symbols = { "tcp_v4_syn_recv_sock", "tcp_v6_syn_recv_sock" },
		.second_optional = true,	/* no IPv6 */
		.handler = on_segment,
	}, {
		.symbols = { "__inet_inherit_port" },
		.handler = on_inherit_port,
	},
};

int toa_capture_init(void)
{
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(hooks); i++) {
		err = toa_hook_add(&hooks[i]);
		if (err) {
			pr_err("cannot hook %s: error %d\n", hooks[i].symbols[0], err);
			toa_capture_exit();
			return err;
		}
	}
	return 0;
}

void toa_capture_exit(void)
{
	unsigned int i = ARRAY_SIZE(hooks);

	while (i--)
		toa_hook_remove(&hooks[i]);
}

unsigned long toa_capture_missed(void)
{
	unsigned long missed = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(hooks); i++)
		missed += toa_hook_missed(&hooks[i]);
	return missed;
}
