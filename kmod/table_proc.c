// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/net/toa_table: one line for each open socket whose handshake carried an
 * option. Only root may read which client talks to which server.
 */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/seq_file_net.h>

#include "addr.h"
#include "compat/compat.h"
#include "compat/proc.h"
#include "table.h"
#include "table_proc.h"

/* "[", eight groups of four digits with colons, "]:", a port, a zero. */
#define END_TEXT_MAX	(1 + 39 + 2 + 5 + 1)

/*
 * Position 0 is the heading, position n the bucket n - 1, so that each read goes
 * on where the last one ended, and RCU is held for one bucket at a time.
 */
struct place {
	struct seq_net_private net;	/* first: seq_file_net() reads it */
	unsigned int bucket;
};

static void *place_at(struct seq_file *seq, loff_t *pos)
{
	struct place *place = seq->private;

	place->bucket = toa_table_next_used(*pos - 1);
	*pos = place->bucket + 1LL;
	return toa_table_is_end(place->bucket) ? NULL : place;
}

static void *table_start(struct seq_file *seq, loff_t *pos)
{
	return *pos ? place_at(seq, pos) : SEQ_START_TOKEN;
}

static void *table_next(struct seq_file *seq, void *v, loff_t *pos)
{
	++*pos;
	return place_at(seq, pos);
}

static void table_stop(struct seq_file *seq, void *v)
{
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

static void print_end_if(struct seq_file *seq, bool is_known, const struct toa_end *end)
{
	if (is_known)
		print_end(seq, end);
	else
		seq_printf(seq, "%-*s ", END_TEXT_MAX - 1, "-");
}

static void print_entry(const struct toa_entry *entry, void *data)
{
	const struct toa_answer *answer = &entry->answer;
	u8 len = toa_answer_len(answer);
	struct seq_file *seq = data;

	if (entry->net != seq_file_net(seq))
		return;
	print_end(seq, &answer->local);
	print_end(seq, &answer->peer);
	print_end_if(seq, answer->outcome == TOA_ADDRESS, &answer->client);
	if (len)
		seq_printf(seq, "%-4u %-3u ", answer->kind, len);
	else
		seq_printf(seq, "%-4s %-3s ", "-", "-");
	print_end_if(seq, answer->has_virtual, entry->virtual);
	seq_printf(seq, "%s\n", toa_outcome_name(answer->outcome));
}

static int table_show(struct seq_file *seq, void *v)
{
	const struct place *place = v;

	if (v == SEQ_START_TOKEN)
		seq_printf(seq, "%-*s %-*s %-*s kind len %-*s outcome\n",
			   END_TEXT_MAX - 1, "local", END_TEXT_MAX - 1, "peer",
			   END_TEXT_MAX - 1, "client", END_TEXT_MAX - 1, "virtual");
	else
		toa_table_visit(place->bucket, print_entry, seq);
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
