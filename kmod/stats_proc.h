/* SPDX-License-Identifier: GPL-2.0-only */
/* /proc/net/toa_stats: the counters of a namespace. */
#ifndef TOA_STATS_PROC_H
#define TOA_STATS_PROC_H

#include <net/net_namespace.h>

struct proc_dir_entry *toa_stats_proc_create(struct net *net);
void toa_stats_proc_remove(struct net *net);

#endif
