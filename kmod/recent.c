// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/net/toa_recent: how many handshakes of the last minutes had which
 * outcome. Nothing is counted here: the counters of toa_stats are copied when a
 * minute begins, and what a minute brought is a difference. A minute begins with
 * the first handshake after the one before has ended.
 */
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/seq_file_net.h>
#include <linux/spinlock.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "compat/compat.h"
#include "compat/proc.h"
#include "recent.h"
#include "stats.h"
#include "table.h"

#define MINUTE		(60 * HZ)
#define MINUTES		16

enum counter {
	WITH_ADDRESS,
	WITHOUT_ADDRESS,	/* the sum of all that follow, and of those without an option */
	FOREIGN,
	UNTRUSTED,
	INVALID,
	IMPLAUSIBLE,
	NO_MEMORY,
	NOT_SEEN,
	COUNTERS,
};

static const enum toa_stat stat_of[COUNTERS] = {
	[WITH_ADDRESS] = TOA_STAT_SYN_RECV_SOCK_TOA,
	[WITHOUT_ADDRESS] = TOA_STAT_SYN_RECV_SOCK_NO_TOA,
	[FOREIGN] = TOA_STAT_FOREIGN,
	[UNTRUSTED] = TOA_STAT_UNTRUSTED,
	[INVALID] = TOA_STAT_INVALID,
	[IMPLAUSIBLE] = TOA_STAT_IMPLAUSIBLE,
	[NO_MEMORY] = TOA_STAT_ALLOC_FAILED,
	[NOT_SEEN] = TOA_STAT_PROBE_MISSED,
};

struct minute {
	u64 start;		/* in jiffies; 0: not used yet */
	unsigned long before[COUNTERS];
};

struct pernet {
	spinlock_t lock;
	u64 start;		/* of the present minute, also read without the lock */
	unsigned int at;	/* the present minute */
	struct minute minutes[MINUTES];
};

static typeof(*((struct pernet_operations *)0)->id) pernet_id;

static void read_counters(const struct net *net, unsigned long *counters)
{
	unsigned int i;
	int cpu;

	for (i = 0; i < COUNTERS; i++) {
		counters[i] = 0;
		for_each_possible_cpu(cpu)
			counters[i] += toa_stat_read(net, cpu, stat_of[i]);
	}
}

/* Nobody waits here: a handshake that finds the lock taken belongs to either minute. */
void toa_recent_tick(const struct net *net)
{
	struct pernet *recent = net_generic(net, pernet_id);
	u64 now = get_jiffies_64();

	if (likely(now - READ_ONCE(recent->start) < MINUTE) || !spin_trylock(&recent->lock))
		return;
	if (now - recent->start >= MINUTE) {
		recent->at = (recent->at + 1) % MINUTES;
		recent->minutes[recent->at].start = now;
		read_counters(net, recent->minutes[recent->at].before);
		WRITE_ONCE(recent->start, now);
	}
	spin_unlock(&recent->lock);
}

/* The counters of one handshake do not change together. */
static unsigned long or_zero(unsigned long difference)
{
	return (long)difference > 0 ? difference : 0;
}

static void show_minute(struct seq_file *seq, u64 now, const struct minute *minute,
			const unsigned long *after)
{
	unsigned long brought[COUNTERS], not_sent;
	unsigned int i;

	for (i = 0; i < COUNTERS; i++)
		brought[i] = or_zero(after[i] - minute->before[i]);
	not_sent = brought[WITHOUT_ADDRESS];
	for (i = WITHOUT_ADDRESS + 1; i < COUNTERS; i++)
		not_sent -= brought[i];
	seq_printf(seq, "%-11llu %10lu %10lu %10lu %10lu %10lu %11lu %10lu\n",
		   (unsigned long long)div_u64(now - minute->start, HZ),
		   brought[WITH_ADDRESS], or_zero(not_sent), brought[FOREIGN],
		   brought[UNTRUSTED], brought[INVALID], brought[IMPLAUSIBLE],
		   brought[NO_MEMORY] + brought[NOT_SEEN]);
}

static int recent_show(struct seq_file *seq, void *v)
{
	const struct net *net = seq_file_single_net(seq);
	struct pernet *recent = net_generic(net, pernet_id);
	unsigned long present[COUNTERS];
	unsigned int i;
	u64 now;

	seq_printf(seq, "%-11s %10s %10s %10s %10s %10s %11s %10s\n", "seconds_ago",
		   toa_outcome_name(TOA_ADDRESS), toa_outcome_name(TOA_NO_OPTION),
		   toa_outcome_name(TOA_FOREIGN), toa_outcome_name(TOA_REFUSED_UNTRUSTED),
		   toa_outcome_name(TOA_REFUSED_INVALID),
		   toa_outcome_name(TOA_REFUSED_IMPLAUSIBLE), "lost");
	spin_lock_bh(&recent->lock);
	now = get_jiffies_64();
	read_counters(net, present);
	/* From the oldest, which is the next to be used again. */
	for (i = 1; i <= MINUTES; i++) {
		const struct minute *minute = &recent->minutes[(recent->at + i) % MINUTES];
		const struct minute *next = &recent->minutes[(recent->at + i + 1) % MINUTES];

		if (!minute->start || now - minute->start >= (u64)MINUTES * MINUTE)
			continue;
		show_minute(seq, now, minute, i == MINUTES ? present : next->before);
	}
	spin_unlock_bh(&recent->lock);
	return 0;
}

static int __net_init pernet_init(struct net *net)
{
	struct pernet *recent = net_generic(net, pernet_id);

	spin_lock_init(&recent->lock);
	return 0;
}

static struct pernet_operations pernet_ops = {
	.init = pernet_init,
	.id = &pernet_id,
	.size = sizeof(struct pernet),
};

int toa_recent_init(void)
{
	return register_pernet_subsys(&pernet_ops);
}

void toa_recent_exit(void)
{
	unregister_pernet_subsys(&pernet_ops);
}

TOA_PROC_NET_SINGLE(toa_recent, recent_show);

struct proc_dir_entry *toa_recent_proc_create(struct net *net)
{
	return toa_proc_net_create_toa_recent(net, 0400);
}

void toa_recent_proc_remove(struct net *net)
{
	remove_proc_entry("toa_recent", net->proc_net);
}
