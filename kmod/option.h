/* SPDX-License-Identifier: GPL-2.0-only */
/* The TOA option in a TCP option list. Builds in user space as well. */
#ifndef TOA_OPTION_H
#define TOA_OPTION_H

#include "formats.h"
#include "portable.h"

enum toa_verdict {
	TOA_OPTION_NONE,	/* no TOA option */
	TOA_OPTION_FOREIGN,	/* of a known kind, but of no known length */
	TOA_OPTION_INVALID,	/* refused: malformed, or bad address or version */
	TOA_OPTION_FOUND,
};

struct toa_option {
	/* With TOA_OPTION_FOUND; IPv4 in mapped form, ports in network order. */
	u8 client[16];
	u8 virtual_addr[16];	/* that the client asked for */
	u8 port[2];
	u8 virtual_port[2];
	u8 layout;
	bool has_virtual;
	/* What a balancer wrote: where in the list, how long, how much room it needs. */
	unsigned int at;
	unsigned int size;
	unsigned int needed;
	/* With any verdict but TOA_OPTION_NONE; with TOA_OPTION_FOREIGN of the first one. */
	u8 kind;
	u8 len;
};

enum toa_verdict toa_option_parse(const struct toa_formats *formats, const u8 *list,
				  unsigned int len, struct toa_option *found);

/*
 * The first option whose kind is not read, and that has no standard meaning either.
 * False: there is none. @found is then as it was.
 */
bool toa_option_find_unknown(const struct toa_formats *formats, const u8 *list,
			     unsigned int len, struct toa_option *found);

/*
 * Whether a balancer can have written the option that was found in this list.
 * @timestamps: the connection has negotiated them.
 */
bool toa_option_is_plausible(const struct toa_option *found, const u8 *list,
			     unsigned int len, bool timestamps);

#endif
