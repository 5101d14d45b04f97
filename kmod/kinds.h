/* SPDX-License-Identifier: GPL-2.0-only */
/* Which TCP option kinds are read. */
#ifndef TOA_KINDS_H
#define TOA_KINDS_H

#include "portable.h"
#include "text.h"

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

/* By the rules of toa-core/src/kinds.rs. After an error, @wrong is what it is about. */
enum toa_text_error toa_kinds_parse(struct toa_text text, struct toa_kinds *kinds,
				    struct toa_text *wrong);

#endif
