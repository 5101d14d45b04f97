/* SPDX-License-Identifier: GPL-2.0-only */
/* Which options are read, and where the fields of each are. */
#ifndef TOA_FORMATS_UNIT_H
#define TOA_FORMATS_UNIT_H

#include <toa_formats.h>

#include "portable.h"
#include "text.h"

/* Offsets from the option's kind byte; 0: it has no such field. */
struct toa_fields {
	u8 len;
	u8 port;
	u8 addr;
	u8 virtual_port;
	u8 virtual_addr;
	u8 addr_len;
	u8 version;		/* what the byte behind the length must be */
};

extern const struct toa_fields toa_fields[TOA_LAYOUTS];

/* For each option kind the layouts that are read under it, a bit for each. */
struct toa_formats {
	u16 by_kind[256];
};

/* The layout of an option with this length, or TOA_LAYOUTS. */
static inline enum toa_layout toa_formats_layout(const struct toa_formats *formats,
						 u8 kind, u8 len)
{
	unsigned int mask = formats->by_kind[kind];
	unsigned int i;

	for (i = 0; mask; i++, mask >>= 1)
		if (mask & 1 && toa_fields[i].len == len)
			return (enum toa_layout)i;
	return TOA_LAYOUTS;
}

/* It has a standard meaning in TCP. */
bool toa_kind_is_assigned(u8 kind);

/* By the rules of toa-core/src/format.rs. After an error, @wrong is what it is about. */
enum toa_text_error toa_formats_parse(struct toa_text text, struct toa_formats *formats,
				      struct toa_text *wrong);

/* More than the text of any set has. */
#define TOA_FORMATS_TEXT_MAX	2560

/* As toa-core prints them; the length without the closing zero. */
int toa_formats_to_text(const struct toa_formats *formats, char *text);

#endif
