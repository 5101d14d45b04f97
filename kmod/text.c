// SPDX-License-Identifier: GPL-2.0-only
/* The kernel's own parsers accept more than toa-core's, such as "10..1". */
#include "text.h"

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct toa_text toa_text_of(const char *string)
{
	return (struct toa_text) { string, strlen(string) };
}

static void skip(struct toa_text *text, unsigned int count)
{
	text->at += count;
	text->len -= count;
}

static void trim(struct toa_text *text)
{
	while (text->len && is_space(text->at[0]))
		skip(text, 1);
	while (text->len && is_space(text->at[text->len - 1]))
		text->len--;
}

bool toa_text_next_item(struct toa_text *list, struct toa_text *item)
{
	while (list->len) {
		item->at = list->at;
		item->len = 0;
		while (item->len < list->len && item->at[item->len] != ',')
			item->len++;
		skip(list, item->len);
		toa_text_take(list, ',');
		trim(item);
		if (item->len)
			return true;
	}
	return false;
}

bool toa_text_is(const struct toa_text *text, const char *word)
{
	return text->len == strlen(word) && !memcmp(text->at, word, text->len);
}

bool toa_text_take(struct toa_text *text, char c)
{
	if (!text->len || text->at[0] != c)
		return false;
	skip(text, 1);
	return true;
}

bool toa_text_take_word(struct toa_text *text, const char *word)
{
	unsigned int len = strlen(word);

	if (text->len < len || memcmp(text->at, word, len))
		return false;
	skip(text, len);
	return true;
}

static unsigned int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

bool toa_text_take_number(struct toa_text *text, unsigned int base, unsigned int max,
			  unsigned int *number)
{
	unsigned int digits = 0, digit;

	*number = 0;
	while (text->len && (digit = digit_of(text->at[0])) < base) {
		*number = *number * base + digit;
		if (*number > max)
			return false;
		digits++;
		skip(text, 1);
	}
	return digits;
}
