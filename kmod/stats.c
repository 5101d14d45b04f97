// SPDX-License-Identifier: GPL-2.0-only
/* Counters per network namespace and CPU. */
#include <linux/percpu.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "compat/compat.h"
#include "stats.h"

struct counters {
	unsigned long count[TOA_STAT_COUNT];
};

struct pernet {
	struct counters __percpu *counters;
};

/* int until 4.10, unsigned since. */
static typeof(*((struct pernet_operations *)0)->id) pernet_id;

static struct counters __percpu *counters_of(const struct net *net)
{
	const struct pernet *pernet = net_generic(net, pernet_id);

	return pernet->counters;
}

void toa_stat_inc(const struct net *net, enum toa_stat stat)
{
	this_cpu_inc(counters_of(net)->count[stat]);
}

unsigned long toa_stat_read(const struct net *net, int cpu, enum toa_stat stat)
{
	return READ_ONCE(per_cpu_ptr(counters_of(net), cpu)->count[stat]);
}

static int __net_init pernet_init(struct net *net)
{
	struct pernet *pernet = net_generic(net, pernet_id);

	pernet->counters = alloc_percpu(struct counters);
	return pernet->counters ? 0 : -ENOMEM;
}

static void __net_exit pernet_exit(struct net *net)
{
	free_percpu(counters_of(net));
}

static struct pernet_operations pernet_ops = {
	.init = pernet_init,
	.exit = pernet_exit,
	.id = &pernet_id,
	.size = sizeof(struct pernet),
};

int toa_stats_init(void)
{
	return register_pernet_subsys(&pernet_ops);
}

void toa_stats_exit(void)
{
	unregister_pernet_subsys(&pernet_ops);
}
