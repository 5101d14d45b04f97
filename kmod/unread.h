/* SPDX-License-Identifier: GPL-2.0-only */
/* /proc/net/toa_unread: which options gave no address, and from whom. */
#ifndef TOA_UNREAD_H
#define TOA_UNREAD_H

#include <net/net_namespace.h>

#include "table.h"

/*
 * An option of this kind and length, from @peer, had any outcome but an address.
 * TOA_NO_OPTION: nothing reads its kind.
 */
void toa_unread_add(const struct net *net, enum toa_outcome outcome, u8 kind, u8 len,
		    const struct toa_end *peer);

int toa_unread_init(void);
void toa_unread_exit(void);

struct proc_dir_entry *toa_unread_proc_create(struct net *net);
void toa_unread_proc_remove(struct net *net);

#endif
