// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/net/toa_unread: options that gave no address, by reason, kind, length and
 * the peer's network. Strangers choose all of these, so there is room for a fixed
 * number of them, for each reason apart: whose option is refused as untrusted cannot
 * drive out what a balancer sends. The one that was seen longest ago is replaced.
 */
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/seq_file_net.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "addr.h"
#include "compat/compat.h"
#include "compat/proc.h"
#include "unread.h"

/* Five reasons, and a page for them. */
#define ENTRIES		24

/* "[", eight groups of four digits with colons, "]:", a port, a zero. */
#define PEER_TEXT_MAX	(1 + 39 + 2 + 5 + 1)
#define NETWORK_TEXT_MAX	(39 + 3 + 1)

struct entry {
	struct toa_end peer;	/* the last one */
	u8 kind;
	u8 len;
	u32 count;		/* 0: not used */
	u64 seen;		/* in jiffies */
};

struct reason {
	/* Raw: taken in probe handlers. */
	raw_spinlock_t lock;
	struct entry entries[ENTRIES];
};

static const enum toa_outcome outcomes[] = {
	TOA_NO_OPTION,
	TOA_FOREIGN,
	TOA_REFUSED_UNTRUSTED,
	TOA_REFUSED_INVALID,
	TOA_REFUSED_IMPLAUSIBLE,
};

struct pernet {
	struct reason reasons[ARRAY_SIZE(outcomes)];
};

static typeof(*((struct pernet_operations *)0)->id) pernet_id;

/* The first three bytes of an IPv4 address, eight of an IPv6 one. */
static bool same_network(const u8 a[16], const u8 b[16], bool b_is_mapped)
{
	return !memcmp(a, b, b_is_mapped ? 15 : 8) && toa_addr_is_mapped(a) == b_is_mapped;
}

static struct entry *find_or_replace(struct reason *reason, u8 kind, u8 len,
				     const struct toa_end *peer)
{
	struct entry *oldest = reason->entries, *entry;
	bool is_mapped = toa_addr_is_mapped(peer->addr);

	for (entry = reason->entries; entry < reason->entries + ENTRIES; entry++) {
		if (!entry->count)
			return entry;
		if (entry->kind == kind && entry->len == len &&
		    same_network(entry->peer.addr, peer->addr, is_mapped))
			return entry;
		if (entry->seen < oldest->seen)
			oldest = entry;
	}
	oldest->count = 0;
	return oldest;
}

static void add(struct reason *reason, u8 kind, u8 len, const struct toa_end *peer)
{
	struct entry *entry;
	unsigned long flags;

	raw_spin_lock_irqsave(&reason->lock, flags);
	entry = find_or_replace(reason, kind, len, peer);
	entry->peer = *peer;
	entry->kind = kind;
	entry->len = len;
	entry->seen = get_jiffies_64();
	if (entry->count != ~0U)
		entry->count++;
	raw_spin_unlock_irqrestore(&reason->lock, flags);
}

void toa_unread_add(const struct net *net, enum toa_outcome outcome, u8 kind, u8 len,
		    const struct toa_end *peer)
{
	struct pernet *unread = net_generic(net, pernet_id);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(outcomes); i++)
		if (outcomes[i] == outcome)
			add(&unread->reasons[i], kind, len, peer);
}

static void show_entry(struct seq_file *seq, const char *reason, const struct entry *entry,
		       u64 now)
{
	char network[NETWORK_TEXT_MAX], peer[PEER_TEXT_MAX];
	u8 base[16] = { 0 };

	if (toa_addr_is_mapped(entry->peer.addr)) {
		memcpy(base, entry->peer.addr + 12, 3);
		scnprintf(network, sizeof(network), "%pI4/24", base);
		scnprintf(peer, sizeof(peer), "%pI4:%u", entry->peer.addr + 12,
			  ntohs(entry->peer.port));
	} else {
		memcpy(base, entry->peer.addr, 8);
		scnprintf(network, sizeof(network), "%pI6c/64", base);
		scnprintf(peer, sizeof(peer), "[%pI6c]:%u", entry->peer.addr,
			  ntohs(entry->peer.port));
	}
	seq_printf(seq, "%-12s %-4u %-3u %-22s %-10u %-11llu %s\n", reason, entry->kind,
		   entry->len, network, entry->count,
		   (unsigned long long)div_u64(now - entry->seen, HZ), peer);
}

static void show_reason(struct seq_file *seq, struct reason *reason, const char *name)
{
	struct entry entries[ENTRIES];
	unsigned long flags;
	unsigned int i;
	u64 now;

	raw_spin_lock_irqsave(&reason->lock, flags);
	memcpy(entries, reason->entries, sizeof(entries));
	now = get_jiffies_64();
	raw_spin_unlock_irqrestore(&reason->lock, flags);
	for (i = 0; i < ENTRIES && entries[i].count; i++)
		show_entry(seq, name, &entries[i], now);
}

static int unread_show(struct seq_file *seq, void *v)
{
	struct pernet *unread = net_generic(seq_file_single_net(seq), pernet_id);
	unsigned int i;

	seq_printf(seq, "%-12s %-4s %-3s %-22s %-10s %-11s %s\n", "reason", "kind", "len",
		   "network", "count", "seconds_ago", "peer");
	for (i = 0; i < ARRAY_SIZE(outcomes); i++)
		show_reason(seq, &unread->reasons[i],
			    outcomes[i] == TOA_NO_OPTION ? "unknown_kind" :
							   toa_outcome_name(outcomes[i]));
	return 0;
}

static int __net_init pernet_init(struct net *net)
{
	struct pernet *unread = net_generic(net, pernet_id);
	unsigned int i;

	BUILD_BUG_ON(sizeof(struct entry) != 32);

	for (i = 0; i < ARRAY_SIZE(outcomes); i++)
		raw_spin_lock_init(&unread->reasons[i].lock);
	return 0;
}

static struct pernet_operations pernet_ops = {
	.init = pernet_init,
	.id = &pernet_id,
	.size = sizeof(struct pernet),
};

int toa_unread_init(void)
{
	return register_pernet_subsys(&pernet_ops);
}

void toa_unread_exit(void)
{
	unregister_pernet_subsys(&pernet_ops);
}

TOA_PROC_NET_SINGLE(toa_unread, unread_show);

struct proc_dir_entry *toa_unread_proc_create(struct net *net)
{
	return toa_proc_net_create_toa_unread(net, 0400);
}

void toa_unread_proc_remove(struct net *net)
{
	remove_proc_entry("toa_unread", net->proc_net);
}
