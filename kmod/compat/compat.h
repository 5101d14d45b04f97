/* SPDX-License-Identifier: GPL-2.0-only */
/* Newer names on older kernels. The rest of the module reads like upstream. */
#ifndef TOA_COMPAT_H
#define TOA_COMPAT_H

#include <linux/compiler.h>
#include <linux/kernel.h>
#include <linux/rcupdate.h>
#include <net/ipv6.h>
#include <net/sock.h>
#include <net/inet_common.h>

#ifdef CONFIG_PREEMPT_RT
#error "toa: PREEMPT_RT is not supported, entries are allocated in atomic context"
#endif

#ifndef CONFIG_NETFILTER
#error "toa: needs CONFIG_NETFILTER, getsockopt() is answered through nf_register_sockopt()"
#endif

#ifndef CONFIG_KRETPROBES
#error "toa: needs CONFIG_KPROBES and CONFIG_KRETPROBES"
#endif

/* 3.19 */
#ifndef READ_ONCE
#define READ_ONCE(x)		ACCESS_ONCE(x)
#endif
#ifndef WRITE_ONCE
#define WRITE_ONCE(x, val)	(ACCESS_ONCE(x) = (val))
#endif

/*
 * Probe handlers run with preemption disabled. synchronize_rcu() waits for such
 * sections too since 4.20, and in Red Hat's kernels since some release.
 */
static inline void toa_synchronize_handlers(void)
{
#ifdef TOA_HAVE_SYNCHRONIZE_SCHED
	synchronize_sched();
#else
	synchronize_rcu();
#endif
}

/* Until 4.17 the length came back through a third argument, before @peer. */
#define TOA_GETNAME_PEER_ARG \
	(__builtin_types_compatible_p(typeof(inet_getname), \
		int (struct socket *, struct sockaddr *, int *, int)) ? 3 : 2)

/* 3.13; Red Hat's 3.10 has it too. */
static inline const struct in6_addr *toa_sk_v6_daddr(const struct sock *sk)
{
#if !IS_ENABLED(CONFIG_IPV6)
	return &in6addr_any;
#elif defined(TOA_HAVE_SK_V6_DADDR)
	return &sk->sk_v6_daddr;
#else
	return &inet6_sk(sk)->daddr;
#endif
}

#endif
