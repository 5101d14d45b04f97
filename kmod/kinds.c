// SPDX-License-Identifier: GPL-2.0-only
#include "kinds.h"

/* IANA, "TCP Option Kind Numbers": these mean something else to TCP. */
static const u8 assigned[] = { 0, 1, 2, 3, 4, 5, 8, 19, 28, 29, 30, 34, 69 };

static bool is_assigned(u8 kind)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(assigned); i++)
		if (assigned[i] == kind)
			return true;
	return false;
}

/* Rust reads a number with a plus sign, too. */
static bool read_kind(struct toa_text item, u8 *kind)
{
	unsigned int number;

	toa_text_take(&item, '+');
	if (!toa_text_take_number(&item, 10, 255, &number) || item.len)
		return false;
	*kind = number;
	return true;
}

enum toa_text_error toa_kinds_parse(struct toa_text text, struct toa_kinds *kinds,
				    struct toa_text *wrong)
{
	bool some = false;
	u8 kind;

	memset(kinds, 0, sizeof(*kinds));
	while (toa_text_next_item(&text, wrong)) {
		if (!read_kind(*wrong, &kind))
			return TOA_TEXT_NOT_A_KIND;
		if (is_assigned(kind))
			return TOA_TEXT_ASSIGNED_KIND;
		toa_kinds_add(kinds, kind);
		some = true;
	}
	return some ? TOA_TEXT_OK : TOA_TEXT_EMPTY;
}
