/* SPDX-License-Identifier: GPL-2.0-only */
/* Which socket carries which client address. */
#ifndef TOA_TABLE_H
#define TOA_TABLE_H

#include <linux/rculist.h>
#include <linux/types.h>
#include <net/net_namespace.h>

struct sock;

/* An address and port; IPv4 in mapped form, the port in network order. */
struct toa_end {
	u8 addr[16];
	__be16 port;
};

enum toa_outcome {
	TOA_NO_OPTION,		/* makes no entry */
	TOA_ADDRESS,
	TOA_FOREIGN,		/* an option of a known kind, but of no known length */
	TOA_REFUSED_UNTRUSTED,
	TOA_REFUSED_INVALID,
	TOA_REFUSED_IMPLAUSIBLE,
};

/*
 * What the segment that completed a handshake said. One is kept for each
 * connection with an option, so it is no larger than it has to be.
 */
struct toa_answer {
	union {
		struct toa_end client;	/* with TOA_ADDRESS */
		u8 foreign_len;		/* with TOA_FOREIGN */
	};
	struct toa_end peer;	/* who sent the segment */
	struct toa_end local;
	u8 kind;		/* with TOA_ADDRESS and TOA_FOREIGN */
	u8 outcome : 3;		/* enum toa_outcome */
	u8 layout : 4;		/* enum toa_layout, with TOA_ADDRESS */
	u8 has_virtual : 1;	/* the address that the client asked for is known */
};

struct toa_entry {
	struct hlist_node node;
	struct rcu_head rcu;
	const struct sock *sk;	/* compared, never followed */
	const struct net *net;	/* likewise */
	u64 cookie;
	struct toa_answer answer;
	/* One, with has_virtual: an entry without it has no room for it. */
	struct toa_end virtual[];
};

/* As toa-core calls it. */
const char *toa_outcome_name(enum toa_outcome outcome);

/* The length of the option that @answer is about, 0 where it is about none. */
u8 toa_answer_len(const struct toa_answer *answer);

/* Whether @peer is who @sk is connected to. */
bool toa_end_is_peer_of(const struct toa_end *peer, const struct sock *sk);

/*
 * Binds @answer to the new socket @sk, and with has_virtual @virtual. -ENOMEM
 * loses this one address.
 */
int toa_table_bind(struct sock *sk, const struct toa_answer *answer,
		   const struct toa_end *virtual);

/* Forgets what was bound to @sk, which is cheap where nothing was. */
void toa_table_drop(const struct sock *sk);

/*
 * Copies out what is bound to @sk; with has_virtual to @virtual as well, unless
 * that is NULL. False: nothing.
 */
bool toa_table_find(const struct sock *sk, struct toa_answer *answer,
		    struct toa_end *virtual);

/* Forgets all of a namespace, NULL: of all. */
void toa_table_purge(const struct net *net);

/* The first bucket at or behind this one that has entries, or the end. May sleep. */
unsigned int toa_table_next_used(unsigned int bucket);
bool toa_table_is_end(unsigned int bucket);

/* Calls @visit, which may not sleep, for each entry of a bucket. */
void toa_table_visit(unsigned int bucket,
		     void (*visit)(const struct toa_entry *entry, void *data), void *data);

int toa_table_init(void);

/* Nothing may use the table any more. */
void toa_table_exit(void);

#endif
