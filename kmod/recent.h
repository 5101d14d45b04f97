/* SPDX-License-Identifier: GPL-2.0-only */
/* /proc/net/toa_recent: what the handshakes of the last minutes brought. */
#ifndef TOA_RECENT_H
#define TOA_RECENT_H

#include <net/net_namespace.h>

/* Before a handshake is counted. */
void toa_recent_tick(const struct net *net);

/* After the counters. */
int toa_recent_init(void);
void toa_recent_exit(void);

struct proc_dir_entry *toa_recent_proc_create(struct net *net);
void toa_recent_proc_remove(struct net *net);

#endif
