/* SPDX-License-Identifier: GPL-2.0-only */
/* The module's parameters. */
#ifndef TOA_CONFIG_H
#define TOA_CONFIG_H

#include <linux/types.h>

#include "option.h"

/* Such that the list of all fits into the page of a sysfs file. */
#define TOA_NETS_MAX	64

/* A network; IPv4 in mapped form, its prefix length counted from there. */
struct toa_net_prefix {
	u8 addr[16];
	u8 bits;
};

struct toa_config {
	struct toa_kinds kinds;
	bool trust_any;
	unsigned int nets_count;
	struct toa_net_prefix nets[TOA_NETS_MAX];
};

/* The caller holds rcu_read_lock() for as long as it uses the answer. */
const struct toa_config *toa_config_get(void);

bool toa_config_trusts(const struct toa_config *config, const u8 peer[16]);
bool toa_config_peername(void);

/* At level 2 each refused option is logged, rate-limited. */
bool toa_config_log_refused(void);

#endif
