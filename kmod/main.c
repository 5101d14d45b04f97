// SPDX-License-Identifier: GPL-2.0-only
/*
 * TOA: the client's address out of a TCP option, for servers behind a load
 * balancer that hides it. Module init and exit.
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>

#include "capture.h"
#include "compat/compat.h"
#include "config.h"
#include "netns.h"
#include "peername.h"
#include "recent.h"
#include "selfcheck.h"
#include "sockopt.h"
#include "stats.h"
#include "table.h"
#include "unread.h"

static int __init toa_init(void)
{
	int err;

	err = toa_config_init();
	if (err)
		return err;
	err = toa_table_init();
	if (err)
		return err;
	err = toa_stats_init();
	if (err)
		goto err_table;
	err = toa_recent_init();
	if (err)
		goto err_stats;
	err = toa_unread_init();
	if (err)
		goto err_recent;
	err = toa_netns_init();
	if (err)
		goto err_unread;
	err = toa_selfcheck_init();
	if (err)
		goto err_netns;
	err = toa_capture_init();
	if (err)
		goto err_selfcheck;
	err = toa_peername_init();
	if (err)
		goto err_capture;
	err = toa_sockopt_init();
	if (err)
		goto err_peername;
	pr_info("toa loaded\n");
	return 0;

err_peername:
	toa_peername_exit();
err_capture:
	toa_capture_exit();
err_selfcheck:
	toa_selfcheck_exit();
err_netns:
	toa_netns_exit();
err_unread:
	toa_unread_exit();
err_recent:
	toa_recent_exit();
err_stats:
	toa_stats_exit();
err_table:
	toa_table_exit();
	return err;
}

/* Each call returns only when nothing of its unit runs any more. */
static void __exit toa_exit(void)
{
	toa_sockopt_exit();
	toa_peername_exit();
	toa_capture_exit();
	toa_selfcheck_exit();
	toa_netns_exit();
	toa_unread_exit();
	toa_recent_exit();
	toa_stats_exit();
	toa_table_exit();
	pr_info("toa unloaded\n");
}

module_init(toa_init);
module_exit(toa_exit);

MODULE_DESCRIPTION("TOA, TCP option address: the client behind a load balancer");
MODULE_LICENSE("GPL");
MODULE_VERSION(TOA_VERSION);
