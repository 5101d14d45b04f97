// SPDX-License-Identifier: GPL-2.0-only
#include "formats.h"

#define FIELDS(layout, len, port, addr, virtual_port, virtual_addr, addr_len, version) \
	[layout] = { len, port, addr, virtual_port, virtual_addr, addr_len, version },

const struct toa_fields toa_fields[TOA_LAYOUTS] = {
	TOA_FOR_EACH_LAYOUT(FIELDS)
};

/* The rows of one format stand together. */
static const struct row {
	const char *name;
	u8 kind;
	u16 layouts;
} rows[] = {
#define ROW(name, kind, layouts) { name, kind, layouts },
	TOA_FOR_EACH_FORMAT(ROW)
};

/* Of toa@KIND. */
#define TOA_AT	(1U << TOA_LAYOUT_TOA4 | 1U << TOA_LAYOUT_TOA6)

bool toa_kind_is_assigned(u8 kind)
{
	switch (kind) {
#define CASE(kind) case kind:
	TOA_FOR_EACH_ASSIGNED_KIND(CASE)
		return true;
	default:
		return false;
	}
}

/* Two layouts of one length under one kind could not be told apart. */
static enum toa_text_error add(struct toa_formats *formats, u8 kind, u16 layouts)
{
	unsigned int i;

	for (i = 0; i < TOA_LAYOUTS; i++) {
		enum toa_layout other;

		if (!(layouts & 1U << i))
			continue;
		other = toa_formats_layout(formats, kind, toa_fields[i].len);
		if (other != TOA_LAYOUTS && other != i)
			return TOA_TEXT_AMBIGUOUS;
	}
	formats->by_kind[kind] |= layouts;
	return TOA_TEXT_OK;
}

static enum toa_text_error add_at_kind(struct toa_formats *formats, struct toa_text kind)
{
	unsigned int number;

	if (!toa_text_take_number(&kind, 10, 255, &number) || kind.len)
		return TOA_TEXT_NOT_A_FORMAT;
	if (toa_kind_is_assigned(number))
		return TOA_TEXT_ASSIGNED_KIND;
	return add(formats, number, TOA_AT);
}

static enum toa_text_error add_named(struct toa_formats *formats, struct toa_text item)
{
	enum toa_text_error error = TOA_TEXT_NOT_A_FORMAT;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!toa_text_is(&item, rows[i].name))
			continue;
		error = add(formats, rows[i].kind, rows[i].layouts);
		if (error)
			break;
	}
	return error;
}

enum toa_text_error toa_formats_parse(struct toa_text text, struct toa_formats *formats,
				      struct toa_text *wrong)
{
	enum toa_text_error error;
	bool some = false;

	memset(formats, 0, sizeof(*formats));
	while (toa_text_next_item(&text, wrong)) {
		struct toa_text rest = *wrong;

		if (toa_text_take_word(&rest, "toa@"))
			error = add_at_kind(formats, rest);
		else
			error = add_named(formats, rest);
		if (error)
			return error;
		some = true;
	}
	return some ? TOA_TEXT_OK : TOA_TEXT_EMPTY;
}

/* The rows of one name from @first on: whether all of them are read, and where the next name is. */
static bool reads_named(const struct toa_formats *formats, unsigned int first,
			unsigned int *next)
{
	bool all = true;
	unsigned int i;

	for (i = first; i < ARRAY_SIZE(rows) && !strcmp(rows[i].name, rows[first].name); i++)
		if (rows[i].layouts & ~formats->by_kind[rows[i].kind])
			all = false;
	*next = i;
	return all;
}

int toa_formats_to_text(const struct toa_formats *formats, char *text)
{
	struct toa_formats named = { { 0 } };
	unsigned int i, next;
	int len = 0, kind;

	for (i = 0; i < ARRAY_SIZE(rows); i = next) {
		if (!reads_named(formats, i, &next))
			continue;
		len += sprintf(text + len, "%s%s", len ? "," : "", rows[i].name);
		for (; i < next; i++)
			named.by_kind[rows[i].kind] |= rows[i].layouts;
	}
	/* Only toa and toa@KIND have this layout. */
	for (kind = 255; kind >= 0; kind--)
		if (formats->by_kind[kind] & ~named.by_kind[kind] & 1U << TOA_LAYOUT_TOA6)
			len += sprintf(text + len, "%stoa@%d", len ? "," : "", kind);
	return len;
}
