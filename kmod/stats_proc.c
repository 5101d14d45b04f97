// SPDX-License-Identifier: GPL-2.0-only
/* /proc/net/toa_stats, laid out as operators know it from other TOA modules. */
#include <linux/cpumask.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/seq_file_net.h>

#include "capture.h"
#include "compat/compat.h"
#include "compat/proc.h"
#include "peername.h"
#include "selfcheck.h"
#include "stats.h"
#include "stats_proc.h"

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
	[TOA_STAT_IMPLAUSIBLE] = "implausible",
	[TOA_STAT_ALLOC_FAILED] = "alloc_failed",
	[TOA_STAT_PROBE_MISSED] = "probe_missed",
	[TOA_STAT_HOOKS_SILENT] = "hooks_silent",
	[TOA_STAT_FOREIGN] = "foreign",
	[TOA_STAT_NOT_SENT] = "not_sent",
};

/* What belongs to no online CPU, or to no CPU, is added to the first column. */
static unsigned long read_rest(const struct net *net, enum toa_stat stat)
{
	unsigned long rest = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		if (!cpu_online(cpu))
			rest += toa_stat_read(net, cpu, stat);
	if (stat == TOA_STAT_PROBE_MISSED)
		rest += toa_capture_missed() + toa_peername_missed();
	else if (stat == TOA_STAT_HOOKS_SILENT)
		rest += toa_selfcheck_failures();
	return rest;
}

static int stats_show(struct seq_file *seq, void *v)
{
	const struct net *net = seq_file_single_net(seq);
	int cpu, stat;

	seq_printf(seq, "%-26s", "");
	for_each_online_cpu(cpu)
		seq_printf(seq, "%7s%-4d", "CPU", cpu);
	seq_putc(seq, '\n');
	for (stat = 0; stat < TOA_STAT_COUNT; stat++) {
		unsigned long rest = read_rest(net, stat);

		seq_printf(seq, "%-25s:", names[stat]);
		for_each_online_cpu(cpu) {
			seq_printf(seq, "%10lu ", rest + toa_stat_read(net, cpu, stat));
			rest = 0;
		}
		seq_putc(seq, '\n');
	}
	return 0;
}

TOA_PROC_NET_SINGLE(toa_stats, stats_show);

struct proc_dir_entry *toa_stats_proc_create(struct net *net)
{
	return toa_proc_net_create_toa_stats(net, 0444);
}

void toa_stats_proc_remove(struct net *net)
{
	remove_proc_entry("toa_stats", net->proc_net);
}
