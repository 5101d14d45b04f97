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

/* First byte: how many kinds; then they, then the list. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct toa_kinds kinds = { 0 };
	struct toa_option found, again;
	enum toa_verdict verdict;
	uint8_t *list;
	size_t i, n;

	if (!size || size < 1u + data[0] % 4)
		return 0;
	n = data[0] % 4;
	for (i = 1; i <= n; i++)
		toa_kinds_add(&kinds, data[i]);
	data += 1 + n;
	size -= 1 + n;
	if (size > 60)
		return 0;
	list = malloc(size + 8);
	memcpy(list, data, size);
	memset(&found, 0xa5, sizeof(found));
	verdict = toa_option_parse(&kinds, list, size, &found);
	if (verdict == TOA_OPTION_FOUND) {
		must(toa_kinds_has(&kinds, found.kind));
		must(found.at + found.size <= size);
		/* What follows never takes it away. */
		memset(list + size, 0xff, 8);
		must(toa_option_parse(&kinds, list, size + 8, &again) == verdict);
		must(!memcmp(again.client, found.client, 16) && again.kind == found.kind &&
		     !memcmp(again.port, found.port, 2));
	}
	/* The exact memory, so that a read beyond it is seen. */
	list = realloc(list, size ? size : 1);
	must(toa_option_parse(&kinds, list, size, &again) == verdict);
	/* Timestamps excuse a list, and never condemn one. */
	if (verdict == TOA_OPTION_FOUND && toa_option_is_plausible(&found, list, size, false))
		must(toa_option_is_plausible(&found, list, size, true));
	free(list);
	return 0;
}
