/* SPDX-License-Identifier: GPL-2.0-only */
/* The TOA option in a TCP option list. Builds in user space as well. */
#ifndef TOA_OPTION_H
#define TOA_OPTION_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <linux/types.h>
typedef __u8 u8;
#endif

/* A set of TCP option kinds. */
struct toa_kinds {
	u8 bits[256 / 8];
};

static inline bool toa_kinds_has(const struct toa_kinds *set, u8 kind)
{
	return set->bits[kind >> 3] & (1U << (kind & 7));
}

static inline void toa_kinds_add(struct toa_kinds *set, u8 kind)
{
	set->bits[kind >> 3] |= 1U << (kind & 7);
}

enum toa_verdict {
	TOA_OPTION_NONE,	/* no TOA option */
	TOA_OPTION_INVALID,	/* refused: bad length or address */
	TOA_OPTION_FOUND,
};

struct toa_option {
	u8 client[16];		/* IPv4 in mapped form */
	u8 port[2];		/* network order */
	u8 kind;
};

enum toa_verdict toa_option_parse(const struct toa_kinds *kinds, const u8 *list,
				  unsigned int len, struct toa_option *found);

/* ::ffff:0:0/96 */
bool toa_addr_is_mapped(const u8 addr[16]);
void toa_addr_map(u8 addr[16], const void *ipv4);

#endif
