/* SPDX-License-Identifier: GPL-2.0-only */
/* Counters per network namespace and CPU. */
#ifndef TOA_STATS_H
#define TOA_STATS_H

#include <net/net_namespace.h>

/* In the order of /proc/net/toa_stats: first the names that operators know. */
enum toa_stat {
	TOA_STAT_SYN_RECV_SOCK_TOA,
	TOA_STAT_SYN_RECV_SOCK_NO_TOA,
	TOA_STAT_GETNAME_OK,
	TOA_STAT_GETNAME_MISMATCH,
	TOA_STAT_GETNAME_BYPASS,
	TOA_STAT_GETNAME_EMPTY,
	TOA_STAT_ADDRESS_ALLOC,
	TOA_STAT_ADDRESS_FREE,
	TOA_STAT_UNTRUSTED,
	TOA_STAT_INVALID,
	TOA_STAT_IMPLAUSIBLE,
	TOA_STAT_ALLOC_FAILED,
	TOA_STAT_PROBE_MISSED,
	TOA_STAT_HOOKS_SILENT,
	TOA_STAT_FOREIGN,
	TOA_STAT_NOT_SENT,
	TOA_STAT_COUNT,
};

void toa_stat_inc(const struct net *net, enum toa_stat stat);
unsigned long toa_stat_read(const struct net *net, int cpu, enum toa_stat stat);

int toa_stats_init(void);

/* Nothing may count any more. */
void toa_stats_exit(void);

#endif
