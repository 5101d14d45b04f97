// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hash table keyed by the socket's pointer. Nothing of ours is put into the
 * socket, so nothing has to be removed from it when the module is unloaded.
 *
 * An address must never reach another connection, and socket memory is reused
 * at once. Three things each guarantee that: the entry is dropped when the
 * socket is destructed or disconnected; a new socket first drops what its
 * pointer was bound to; and an entry counts only if the socket's cookie and
 * peer are those that it was made for.
 */
#include <linux/cpumask.h>
#include <linux/hash.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sock_diag.h>
#include <linux/spinlock.h>
#include <linux/vmalloc.h>
#include <net/inet_sock.h>

#include "addr.h"
#include "compat/compat.h"
#include "formats.h"
#include "stats.h"
#include "table.h"

/*
 * Sized by memory at load, as the kernel sizes its own tables of sockets: a
 * machine with a million connections has at least 8 GiB, and then 4 of them
 * share a bucket. The kernel's rhashtable cannot be used: it came in 3.17, and
 * its locks must not be taken with interrupts off, as sockets can be destructed.
 */
#define MEMORY_PER_BUCKET	(32 << 10)
#define BUCKET_BITS_MIN		10
#define BUCKET_BITS_MAX		21
#define LOCKS			256

/* Looked at without a pause. */
#define BUCKETS_AT_ONCE		1024

static struct hlist_head *buckets;
static unsigned int bucket_bits;
/* Raw: taken in probe handlers, and held for a few instructions only. */
static raw_spinlock_t locks[LOCKS];
static struct kmem_cache *cache;
/* For those with the address that the client asked for. */
static struct kmem_cache *virtual_cache;

static unsigned int bucket_of(const struct sock *sk)
{
	return hash_ptr((void *)sk, bucket_bits);
}

static unsigned int bucket_count(void)
{
	return 1U << bucket_bits;
}

static raw_spinlock_t *lock_of(unsigned int bucket)
{
	return &locks[bucket % LOCKS];
}

/* Unique among all sockets since boot from 4.2 on; before, the pointer again. */
static u64 make_cookie(struct sock *sk)
{
	u32 half[2];

	sock_diag_save_cookie(sk, half);
	return (u64)half[1] << 32 | half[0];
}

static bool cookie_matches(const struct toa_entry *entry, const struct sock *sk)
{
#ifdef TOA_HAVE_SK_COOKIE
	return (u64)atomic64_read(&sk->sk_cookie) == entry->cookie;
#else
	return true;
#endif
}

/* A disconnected socket has no port; one that connected elsewhere another one. */
bool toa_end_is_peer_of(const struct toa_end *peer, const struct sock *sk)
{
	__be32 daddr = READ_ONCE(inet_sk(sk)->inet_daddr);

	if (READ_ONCE(inet_sk(sk)->inet_dport) != peer->port)
		return false;
	if (toa_addr_is_mapped(peer->addr))
		return !memcmp(&daddr, peer->addr + 12, sizeof(daddr));
	return READ_ONCE(sk->sk_family) == AF_INET6 &&
	       !memcmp(toa_sk_v6_daddr(sk), peer->addr, 16);
}

const char *toa_outcome_name(enum toa_outcome outcome)
{
	static const char * const names[] = {
		[TOA_NO_OPTION] = "not_sent",
		[TOA_ADDRESS] = "toa",
		[TOA_FOREIGN] = "foreign",
		[TOA_REFUSED_UNTRUSTED] = "untrusted",
		[TOA_REFUSED_INVALID] = "invalid",
		[TOA_REFUSED_IMPLAUSIBLE] = "implausible",
	};

	return names[outcome];
}

u8 toa_answer_len(const struct toa_answer *answer)
{
	switch (answer->outcome) {
	case TOA_ADDRESS:
		return toa_fields[answer->layout].len;
	case TOA_FOREIGN:
		return answer->foreign_len;
	default:
		return 0;
	}
}

static struct kmem_cache *cache_of(const struct toa_answer *answer)
{
	return unlikely(answer->has_virtual) ? virtual_cache : cache;
}

static void free_entry_rcu(struct rcu_head *rcu)
{
	struct toa_entry *entry = container_of(rcu, struct toa_entry, rcu);

	kmem_cache_free(cache_of(&entry->answer), entry);
}

/* Under the bucket's lock: the namespace's counters live as long as its entries. */
static void unlink_entry(struct toa_entry *entry)
{
	hlist_del_rcu(&entry->node);
	toa_stat_inc(entry->net, TOA_STAT_ADDRESS_FREE);
	call_rcu(&entry->rcu, free_entry_rcu);
}

static struct toa_entry *find_entry(unsigned int bucket, const struct sock *sk)
{
	struct toa_entry *entry;

	hlist_for_each_entry_rcu(entry, &buckets[bucket], node)
		if (entry->sk == sk)
			return entry;
	return NULL;
}

int toa_table_bind(struct sock *sk, const struct toa_answer *answer,
		   const struct toa_end *virtual)
{
	unsigned int bucket = bucket_of(sk);
	struct toa_entry *entry;
	unsigned long flags;

	entry = kmem_cache_alloc(cache_of(answer), GFP_ATOMIC | __GFP_NOWARN);
	if (!entry)
		return -ENOMEM;
	entry->sk = sk;
	entry->net = sock_net(sk);
	entry->cookie = make_cookie(sk);
	entry->answer = *answer;
	if (answer->has_virtual)
		entry->virtual[0] = *virtual;

	raw_spin_lock_irqsave(lock_of(bucket), flags);
	hlist_add_head_rcu(&entry->node, &buckets[bucket]);
	toa_stat_inc(entry->net, TOA_STAT_ADDRESS_ALLOC);
	raw_spin_unlock_irqrestore(lock_of(bucket), flags);
	return 0;
}

void toa_table_drop(const struct sock *sk)
{
	unsigned int bucket = bucket_of(sk);
	struct toa_entry *entry;
	unsigned long flags;
	bool none;

	rcu_read_lock();
	none = !find_entry(bucket, sk);
	rcu_read_unlock();
	if (likely(none))
		return;

	raw_spin_lock_irqsave(lock_of(bucket), flags);
	while ((entry = find_entry(bucket, sk)))
		unlink_entry(entry);
	raw_spin_unlock_irqrestore(lock_of(bucket), flags);
}

bool toa_table_find(const struct sock *sk, struct toa_answer *answer,
		    struct toa_end *virtual)
{
	const struct toa_entry *entry;
	bool found;

	rcu_read_lock();
	entry = find_entry(bucket_of(sk), sk);
	found = entry && cookie_matches(entry, sk) &&
		toa_end_is_peer_of(&entry->answer.peer, sk);
	if (found)
		*answer = entry->answer;
	if (found && virtual && answer->has_virtual)
		*virtual = entry->virtual[0];
	rcu_read_unlock();
	return found;
}

/* An entry that is just being made or dropped may be seen or not. */
static bool is_empty(unsigned int bucket)
{
	return !READ_ONCE(buckets[bucket].first);
}

unsigned int toa_table_next_used(unsigned int bucket)
{
	for (; bucket < bucket_count(); bucket++) {
		if (bucket % BUCKETS_AT_ONCE == 0)
			cond_resched();
		if (!is_empty(bucket))
			break;
	}
	return bucket;
}

bool toa_table_is_end(unsigned int bucket)
{
	return bucket >= bucket_count();
}

void toa_table_visit(unsigned int bucket,
		     void (*visit)(const struct toa_entry *entry, void *data), void *data)
{
	const struct toa_entry *entry;

	rcu_read_lock();
	hlist_for_each_entry_rcu(entry, &buckets[bucket], node)
		visit(entry, data);
	rcu_read_unlock();
}

static void purge_bucket(unsigned int bucket, const struct net *net)
{
	struct toa_entry *entry;
	struct hlist_node *next;
	unsigned long flags;

	raw_spin_lock_irqsave(lock_of(bucket), flags);
	hlist_for_each_entry_safe(entry, next, &buckets[bucket], node)
		if (!net || entry->net == net)
			unlink_entry(entry);
	raw_spin_unlock_irqrestore(lock_of(bucket), flags);
}

/*
 * Of a namespace in which no more are made. A drop counts under the bucket's lock,
 * as the last that it does with the namespace: when all are counted, none is left,
 * and no drop will use the counters any more.
 */
static bool has_entries(const struct net *net)
{
	unsigned long left = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		left += toa_stat_read(net, cpu, TOA_STAT_ADDRESS_ALLOC) -
			toa_stat_read(net, cpu, TOA_STAT_ADDRESS_FREE);
	return left;
}

void toa_table_purge(const struct net *net)
{
	unsigned long flags;
	unsigned int i;

	/* Namespaces come and go with containers, and the table can be large. */
	if (net && !has_entries(net))
		return;
	for (i = 0; !toa_table_is_end(i = toa_table_next_used(i)); i++)
		purge_bucket(i, net);
	/*
	 * A drop on another CPU may have emptied its bucket and not yet have
	 * counted in the namespace. It does both under the bucket's lock.
	 */
	for (i = 0; i < LOCKS; i++) {
		raw_spin_lock_irqsave(&locks[i], flags);
		raw_spin_unlock_irqrestore(&locks[i], flags);
	}
}

static unsigned int bucket_bits_for_memory(void)
{
	struct sysinfo info;
	u64 bytes;

	si_meminfo(&info);
	bytes = (u64)info.totalram * info.mem_unit;
	return clamp_t(unsigned int, ilog2(bytes / MEMORY_PER_BUCKET | 1),
		       BUCKET_BITS_MIN, BUCKET_BITS_MAX);
}

int toa_table_init(void)
{
	int i;

	BUILD_BUG_ON(sizeof(struct toa_entry) > 112);
	BUILD_BUG_ON(TOA_LAYOUTS > 16);

	for (i = 0; i < LOCKS; i++)
		raw_spin_lock_init(&locks[i]);
	bucket_bits = bucket_bits_for_memory();
	buckets = vzalloc(sizeof(*buckets) * bucket_count());
	if (!buckets)
		return -ENOMEM;
	cache = kmem_cache_create("toa_entry", sizeof(struct toa_entry), 0, 0, NULL);
	if (!cache)
		goto err_buckets;
	virtual_cache = kmem_cache_create("toa_entry_virtual",
					  sizeof(struct toa_entry) + sizeof(struct toa_end),
					  0, 0, NULL);
	if (!virtual_cache)
		goto err_cache;
	return 0;

err_cache:
	kmem_cache_destroy(cache);
err_buckets:
	vfree(buckets);
	return -ENOMEM;
}

void toa_table_exit(void)
{
	/* Each entry is freed by a callback of ours. */
	rcu_barrier();
	kmem_cache_destroy(virtual_cache);
	kmem_cache_destroy(cache);
	vfree(buckets);
}
