// SPDX-License-Identifier: GPL-2.0-only
/*
 * The parser under libFuzzer and sanitizers: the properties that need no second
 * implementation. kmod/fuzz compares the answers with toa-core's.
 */
#include "../option.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void must(int holds)
{
	if (!holds)
		abort();
}

/* The formats of these bits, and toa@KIND; toa alone where they do not go together. */
static struct toa_formats read_formats(uint8_t bits, uint8_t kind)
{
	struct toa_formats formats;
	struct toa_text wrong;
	char text[64];

	snprintf(text, sizeof(text), "%s%s%s%s", bits & 1 ? "toa," : "",
		 bits & 2 ? "vtoa," : "", bits & 4 ? "cip," : "", bits & 8 ? "ttgw," : "");
	if (bits & 16)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "toa@%u", kind);
	if (toa_formats_parse(toa_text_of(text), &formats, &wrong))
		must(!toa_formats_parse(toa_text_of("toa"), &formats, &wrong));
	return formats;
}

/* First byte: the formats; second: the kind of toa@KIND; then the list. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct toa_option found, again;
	struct toa_formats formats;
	enum toa_verdict verdict;
	uint8_t *list;

	if (size < 2 || size > 62)
		return 0;
	formats = read_formats(data[0], data[1]);
	data += 2;
	size -= 2;
	list = malloc(size + 8);
	memcpy(list, data, size);
	memset(&found, 0xa5, sizeof(found));
	verdict = toa_option_parse(&formats, list, size, &found);
	if (verdict == TOA_OPTION_FOUND) {
		must(toa_formats_layout(&formats, found.kind, found.len) == found.layout);
		must(found.at + found.size <= size);
		/* What follows never takes it away. */
		memset(list + size, 0xff, 8);
		must(toa_option_parse(&formats, list, size + 8, &again) == verdict);
		must(!memcmp(again.client, found.client, 16) && again.kind == found.kind &&
		     !memcmp(again.port, found.port, 2));
	}
	/* The exact memory, so that a read beyond it is seen. */
	list = realloc(list, size ? size : 1);
	must(toa_option_parse(&formats, list, size, &again) == verdict);
	if (verdict == TOA_OPTION_FOREIGN)
		must(formats.by_kind[found.kind] &&
		     toa_formats_layout(&formats, found.kind, found.len) == TOA_LAYOUTS);
	/* Timestamps excuse a list, and never condemn one. */
	if (verdict == TOA_OPTION_FOUND && toa_option_is_plausible(&found, list, size, false))
		must(toa_option_is_plausible(&found, list, size, true));
	free(list);
	return 0;
}
