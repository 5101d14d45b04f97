/* SPDX-License-Identifier: GPL-2.0-only */
/* The TOA option in a TCP option list. Builds in user space as well. */
#ifndef TOA_OPTION_H
#define TOA_OPTION_H

#include "kinds.h"
#include "portable.h"

enum toa_verdict {
	TOA_OPTION_NONE,	/* no TOA option */
	TOA_OPTION_INVALID,	/* refused: bad length or address */
	TOA_OPTION_FOUND,
};

struct toa_option {
	u8 client[16];		/* IPv4 in mapped form */
	u8 port[2];		/* network order */
	u8 kind;
	u8 at;			/* where in the list, and how long */
	u8 size;
};

enum toa_verdict toa_option_parse(const struct toa_kinds *kinds, const u8 *list,
				  unsigned int len, struct toa_option *found);

/*
 * Whether a balancer can have written the option that was found in this list.
 * @timestamps: the connection has negotiated them.
 */
bool toa_option_is_plausible(const struct toa_option *found, const u8 *list,
			     unsigned int len, bool timestamps);

#endif
