/* SPDX-License-Identifier: GPL-2.0-only */
/* Which peers' options are believed. */
#ifndef TOA_TRUST_H
#define TOA_TRUST_H

#include "portable.h"
#include "text.h"

/*
 * What a parameter's file in sysfs takes at once is less than a page, and the
 * shortest network with its comma has eight characters.
 */
#define TOA_NETS_MAX	512

/* A network; IPv4 in mapped form, its prefix length counted from there. */
struct toa_net_prefix {
	u8 addr[16];
	u8 bits;
};

/* Nobody: neither @any nor a network. */
struct toa_trusted {
	bool any;
	unsigned int count;
	struct toa_net_prefix nets[TOA_NETS_MAX];
};

/* By the rules of toa-core/src/trust.rs. After an error, @wrong is what it is about. */
enum toa_text_error toa_trusted_parse(struct toa_text text, struct toa_trusted *trusted,
				      struct toa_text *wrong);

bool toa_trusted_has(const struct toa_trusted *trusted, const u8 peer[16]);

#endif
