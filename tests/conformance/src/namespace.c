/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#define _GNU_SOURCE
#include "namespace.h"

#include "cli.h"
#include "report.h"
#include "sysctl.h"
#include "tun.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

static void configure(void)
{
	tun_open();
	/* Many connections at once are no flood. */
	sysctl_set("net/core/somaxconn", "4096");
	sysctl_set("net/ipv4/tcp_max_syn_backlog", "4096");
}

void namespace_enter(void)
{
	proc_ready();
	if (!cli.here && unshare(CLONE_NEWNET) < 0)
		bail_out("no network namespace of our own: %s; run as root, or with --here "
			 "on a machine that is yours alone", strerror(errno));
	configure();
}

bool namespace_enter_another(void)
{
	if (unshare(CLONE_NEWNET) < 0)
		return false;
	configure();
	return true;
}
