/* SPDX-License-Identifier: GPL-2.0-only */
/* The module's parameters. */
#ifndef TOA_CONFIG_H
#define TOA_CONFIG_H

#include <linux/types.h>

#include "formats.h"
#include "trust.h"

struct toa_config {
	struct toa_formats formats;
	struct toa_trusted trusted;
};

/* The caller holds rcu_read_lock() for as long as it uses the answer. */
const struct toa_config *toa_config_get(void);

bool toa_config_peername(void);

/* Options that no balancer can have written are believed. */
bool toa_config_believes_implausible(void);

/* At level 2 each refused option is logged, rate-limited. */
bool toa_config_log_refused(void);

/*
 * What the operator did not choose: reads toa, trusts private space, and logs
 * what that means.
 */
int toa_config_init(void);

#endif
