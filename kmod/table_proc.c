// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/net/toa_table: one line for each open socket with an address. Only
 * root may read which client talks to which server.
 */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>
#include <linux/seq_file_net.h>

#include "addr.h"
#include "compat/compat.h"
#include "compat/proc.h"
#include "table.h"
#include "table_proc.h"

/* "[", eight groups of four digits with colons, "]:", a port, a zero. */
#define END_TEXT_MAX	(1 + 39 + 2 + 5 + 1)

struct place {
	struct seq_net_private net;	/* first: seq_file_net() reads it */
	unsigned int bucket;
	unsigned int index;
};

static const struct toa_entry *next_here(struct seq_file *seq)
{
	const struct net *net = seq_file_net(seq);
	struct place *place = seq->private;
	const struct toa_entry *entry;

	while ((entry = toa_table_at(&place->bucket, &place->index))) {
		if (entry->net == net && entry->answer.outcome == TOA_ADDRESS)
			return entry;
		place->index++;
	}
	return NULL;
}

/* Position 0 is the heading; others only tell the beginning from the rest. */
static void *table_start(struct seq_file *seq, loff_t *pos)
	__acquires(RCU)
{
	struct place *place = seq->private;

	rcu_read_lock();
	if (!*pos) {
		place->bucket = 0;
		place->index = 0;
		return SEQ_START_TOKEN;
	}
	return (void *)next_here(seq);
}

static void *table_next(struct seq_file *seq, void *v, loff_t *pos)
{
	struct place *place = seq->private;

	if (v != SEQ_START_TOKEN)
		place->index++;
	++*pos;
	return (void *)next_here(seq);
}

static void table_stop(struct seq_file *seq, void *v)
	__releases(RCU)
{
	rcu_read_unlock();
}

static void print_end(struct seq_file *seq, const struct toa_end *end)
{
	char text[END_TEXT_MAX];

	if (toa_addr_is_mapped(end->addr))
		scnprintf(text, sizeof(text), "%pI4:%u", end->addr + 12,
			  ntohs(end->port));
	else
		scnprintf(text, sizeof(text), "[%pI6c]:%u", end->addr,
			  ntohs(end->port));
	seq_printf(seq, "%-*s ", END_TEXT_MAX - 1, text);
}

static int table_show(struct seq_file *seq, void *v)
{
	const struct toa_entry *entry = v;

	if (v == SEQ_START_TOKEN) {
		seq_printf(seq, "%-*s %-*s %-*s kind\n", END_TEXT_MAX - 1, "local",
			   END_TEXT_MAX - 1, "peer", END_TEXT_MAX - 1, "client");
		return 0;
	}
	print_end(seq, &entry->answer.local);
	print_end(seq, &entry->answer.peer);
	print_end(seq, &entry->answer.client);
	seq_printf(seq, "%u\n", entry->answer.kind);
	return 0;
}

static const struct seq_operations table_seq_ops = {
	.start = table_start,
	.next = table_next,
	.stop = table_stop,
	.show = table_show,
};

TOA_PROC_NET_SEQ(toa_table, table_seq_ops, struct place);

struct proc_dir_entry *toa_table_proc_create(struct net *net)
{
	return toa_proc_net_create_toa_table(net, 0400);
}

void toa_table_proc_remove(struct net *net)
{
	remove_proc_entry("toa_table", net->proc_net);
}
