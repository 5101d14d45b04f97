// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module with the fault that is asked for, one for each detector of the debug
 * kernel: tests/vm/debug-kernel --selftest sees whether they are awake.
 */
#include <linux/delay.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

static char *fault = "none";
module_param(fault, charp, 0444);

struct item {
	struct list_head node;
	char text[64];
};

static DEFINE_SPINLOCK(lock_a);
static DEFINE_SPINLOCK(lock_b);
static struct item __rcu *shared;
/* Volatile, so that the compiler leaves no fault out. */
static volatile char sink;

static struct item *new_item(void)
{
	return kzalloc(sizeof(struct item), GFP_KERNEL);
}

/* Several, because a register or an old stack frame can still hold the address of the last one. */
static void leak(void)
{
	int i;

	for (i = 0; i < 8; i++)
		new_item();
}

static void use_after_free(void)
{
	struct item *item = new_item();

	if (!item)
		return;
	OPTIMIZER_HIDE_VAR(item);
	kfree(item);
	sink = item->text[8];
}

static void beyond_vmalloc(void)
{
	char *area = vzalloc(100);

	if (!area)
		return;
	OPTIMIZER_HIDE_VAR(area);
	sink = area[100];
	vfree(area);
}

static void sleep_under_lock(void)
{
	spin_lock(&lock_a);
	msleep(1);
	spin_unlock(&lock_a);
}

static void lock_inversion(void)
{
	spin_lock(&lock_a);
	spin_lock(&lock_b);
	spin_unlock(&lock_b);
	spin_unlock(&lock_a);

	spin_lock(&lock_b);
	spin_lock(&lock_a);
	spin_unlock(&lock_a);
	spin_unlock(&lock_b);
}

static void unprotected_rcu(void)
{
	sink = !rcu_dereference(shared);
}

static void list_corruption(void)
{
	struct item *item = new_item();
	LIST_HEAD(head);

	if (!item)
		return;
	list_add(&item->node, &head);
	list_del(&item->node);
	list_del(&item->node);
	kfree(item);
}

static const struct {
	const char *name;
	void (*commit)(void);
} faults[] = {
	{ "none", NULL },
	{ "leak", leak },
	{ "use-after-free", use_after_free },
	{ "beyond-vmalloc", beyond_vmalloc },
	{ "sleep-under-lock", sleep_under_lock },
	{ "lock-inversion", lock_inversion },
	{ "unprotected-rcu", unprotected_rcu },
	{ "list-corruption", list_corruption },
};

static int __init faults_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		if (strcmp(fault, faults[i].name))
			continue;
		if (faults[i].commit)
			faults[i].commit();
		return 0;
	}
	pr_err("faults: no fault '%s'\n", fault);
	return -EINVAL;
}

static void __exit faults_exit(void)
{
}

module_init(faults_init);
module_exit(faults_exit);

MODULE_DESCRIPTION("Faults for the detectors of a debug kernel to find");
MODULE_LICENSE("GPL");
