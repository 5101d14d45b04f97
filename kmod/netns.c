// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a network namespace: its files in /proc/net, and the end of its
 * entries. Registered after the counters, so that a namespace ends here first
 * and entries can still be counted.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <net/net_namespace.h>

#include "netns.h"
#include "recent.h"
#include "stats_proc.h"
#include "table.h"
#include "table_proc.h"
#include "unread.h"

static const struct {
	struct proc_dir_entry *(*create)(struct net *net);
	void (*remove)(struct net *net);
} files[] = {
	{ toa_stats_proc_create, toa_stats_proc_remove },
	{ toa_recent_proc_create, toa_recent_proc_remove },
	{ toa_unread_proc_create, toa_unread_proc_remove },
	{ toa_table_proc_create, toa_table_proc_remove },
};

static void remove_files(struct net *net, unsigned int count)
{
	while (count--)
		files[count].remove(net);
}

static int __net_init pernet_init(struct net *net)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		if (!files[i].create(net)) {
			remove_files(net, i);
			return -ENOMEM;
		}
	}
	return 0;
}

/*
 * The namespace's devices are gone, so no more connections are made in it.
 * Entries can be left all the same: kernel sockets do not hold the namespace.
 */
static void __net_exit pernet_exit(struct net *net)
{
	remove_files(net, ARRAY_SIZE(files));
	toa_table_purge(net);
}

static struct pernet_operations pernet_ops = {
	.init = pernet_init,
	.exit = pernet_exit,
};

int toa_netns_init(void)
{
	return register_pernet_subsys(&pernet_ops);
}

void toa_netns_exit(void)
{
	unregister_pernet_subsys(&pernet_ops);
}
