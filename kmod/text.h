/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading the text of a parameter. */
#ifndef TOA_TEXT_H
#define TOA_TEXT_H

#include "portable.h"

enum toa_text_error {
	TOA_TEXT_OK,
	TOA_TEXT_EMPTY,
	TOA_TEXT_NOT_A_NETWORK,
	TOA_TEXT_HOST_BITS,	/* address bits are set behind the prefix */
	TOA_TEXT_NOT_ALONE,	/* any or none among networks */
	TOA_TEXT_TOO_MANY,
	TOA_TEXT_NOT_A_FORMAT,
	TOA_TEXT_ASSIGNED_KIND,	/* it means something else in TCP */
	TOA_TEXT_AMBIGUOUS,	/* another format reads the same bytes differently */
};

struct toa_text {
	const char *at;
	unsigned int len;
};

struct toa_text toa_text_of(const char *string);

/*
 * Takes the next item off a list with commas in between. White space around an
 * item does not belong to it, and items without a character are skipped.
 */
bool toa_text_next_item(struct toa_text *list, struct toa_text *item);

bool toa_text_is(const struct toa_text *text, const char *word);

/* Takes the next character if it is @c. */
bool toa_text_take(struct toa_text *text, char c);

/* Takes @word if the text begins with it. */
bool toa_text_take_word(struct toa_text *text, const char *word);

/* Takes all digits that follow: false without any, or beyond @max. */
bool toa_text_take_number(struct toa_text *text, unsigned int base, unsigned int max,
			  unsigned int *number);

#endif
