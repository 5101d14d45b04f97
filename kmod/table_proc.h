/* SPDX-License-Identifier: GPL-2.0-only */
/* /proc/net/toa_table: each open socket with an option. */
#ifndef TOA_TABLE_PROC_H
#define TOA_TABLE_PROC_H

#include <net/net_namespace.h>

struct proc_dir_entry *toa_table_proc_create(struct net *net);
void toa_table_proc_remove(struct net *net);

#endif
