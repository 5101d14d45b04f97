// SPDX-License-Identifier: GPL-2.0-only
/* Counters, and the files of each network namespace. */
#include <linux/cpumask.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/seq_file_net.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "compat/compat.h"
#include "compat/proc.h"
#include "capture.h"
#include "peername.h"
#include "stats.h"
#include "table.h"
#include "table_proc.h"

struct toa_pernet {
	struct toa_stats __percpu *stats;
};

/* int until 4.10, unsigned since. */
static typeof(*((struct pernet_operations *)0)->id) pernet_id;

static const char * const names[TOA_STAT_COUNT] = {
	[TOA_STAT_SYN_RECV_SOCK_TOA] = "syn_recv_sock_toa",
	[TOA_STAT_SYN_RECV_SOCK_NO_TOA] = "syn_recv_sock_no_toa",
	[TOA_STAT_GETNAME_OK] = "getname_toa_ok",
	[TOA_STAT_GETNAME_MISMATCH] = "getname_toa_mismatch",
	[TOA_STAT_GETNAME_BYPASS] = "getname_toa_bypass",
	[TOA_STAT_GETNAME_EMPTY] = "getname_toa_empty",
	[TOA_STAT_ADDRESS_ALLOC] = "ip6_address_alloc",
	[TOA_STAT_ADDRESS_FREE] = "ip6_address_free",
	[TOA_STAT_UNTRUSTED] = "untrusted",
	[TOA_STAT_INVALID] = "invalid",
	[TOA_STAT_ALLOC_FAILED] = "alloc_failed",
	[TOA_STAT_PROBE_MISSED] = "probe_missed",
};

static struct toa_pernet *toa_pernet(const struct net *net)
{
	return net_generic(net, pernet_id);
}

void toa_stat_inc(const struct net *net, enum toa_stat stat)
{
	this_cpu_inc(toa_pernet(net)->stats->count[stat]);
}

static unsigned long read_stat(const struct toa_pernet *pernet, int cpu, int stat)
{
	return READ_ONCE(per_cpu_ptr(pernet->stats, cpu)->count[stat]);
}

/* What the first column says beyond its CPU: counts that belong to no online one. */
static unsigned long read_rest(const struct toa_pernet *pernet, int stat)
{
	unsigned long rest = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		if (!cpu_online(cpu))
			rest += read_stat(pernet, cpu, stat);
	if (stat == TOA_STAT_PROBE_MISSED)
		rest += toa_capture_missed() + toa_peername_missed();
	return rest;
}

/* The layout is that of the modules that operators come from. */
static int stats_show(struct seq_file *seq, void *v)
{
	const struct toa_pernet *pernet = toa_pernet(seq_file_single_net(seq));
	int cpu, stat;

	seq_printf(seq, "%-26s", "");
	for_each_online_cpu(cpu)
		seq_printf(seq, "%7s%-4d", "CPU", cpu);
	seq_putc(seq, '\n');
	for (stat = 0; stat < TOA_STAT_COUNT; stat++) {
		unsigned long rest = read_rest(pernet, stat);

		seq_printf(seq, "%-25s:", names[stat]);
		for_each_online_cpu(cpu) {
			seq_printf(seq, "%10lu ", rest + read_stat(pernet, cpu, stat));
			rest = 0;
		}
		seq_putc(seq, '\n');
	}
	return 0;
}

TOA_PROC_NET_SINGLE(toa_stats, stats_show);

static int __net_init pernet_init(struct net *net)
{
	struct toa_pernet *pernet = toa_pernet(net);

	pernet->stats = alloc_percpu(struct toa_stats);
	if (!pernet->stats)
		return -ENOMEM;
	if (!toa_proc_net_create_toa_stats(net, 0444))
		goto err_stats;
	if (!toa_table_proc_create(net))
		goto err_proc;
	return 0;

err_proc:
	remove_proc_entry("toa_stats", net->proc_net);
err_stats:
	free_percpu(pernet->stats);
	return -ENOMEM;
}

/*
 * The namespace's devices are gone, so no connection is made here any more.
 * Entries can be left all the same: kernel sockets do not hold the namespace.
 */
static void __net_exit pernet_exit(struct net *net)
{
	toa_table_proc_remove(net);
	remove_proc_entry("toa_stats", net->proc_net);
	toa_table_purge(net);
	free_percpu(toa_pernet(net)->stats);
}

static struct pernet_operations pernet_ops = {
	.init = pernet_init,
	.exit = pernet_exit,
	.id = &pernet_id,
	.size = sizeof(struct toa_pernet),
};

int toa_stats_init(void)
{
	return register_pernet_subsys(&pernet_ops);
}

void toa_stats_exit(void)
{
	unregister_pernet_subsys(&pernet_ops);
}
