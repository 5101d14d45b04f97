/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Made by the Makefile: `static const char vectors_text[]`. */
#include "vectors_text.h"

__attribute__((noreturn)) static void malformed(const char *line)
{
	fprintf(stderr, "the vector file has a line that makes no sense: %.80s\n", line);
	exit(2);
}

static struct tcpopts parse_hex(const char *hex)
{
	uint8_t bytes[40];
	size_t len = 0;
	unsigned int byte;

	if (!strcmp(hex, "-"))
		return no_options;
	for (; *hex; hex += 2) {
		if (len == sizeof(bytes) || sscanf(hex, "%2x", &byte) != 1)
			malformed(hex);
		bytes[len++] = (uint8_t)byte;
	}
	if (len % 4)
		malformed(hex);
	return raw_options(bytes, len);
}

static void parse_line(const char *line, struct vector *vector)
{
	static const char implausible[] = "implausible ";
	char hex[128], first[16], client[64];
	unsigned int port;
	int expected_at = 0, fields;
	bool is_plausible = true;

	if (sscanf(line, "%63s %127s %n", vector->name, hex, &expected_at) < 2 || !expected_at)
		malformed(line);
	line += expected_at;
	if (!strncmp(line, implausible, sizeof(implausible) - 1)) {
		is_plausible = false;
		line += sizeof(implausible) - 1;
	}
	fields = sscanf(line, "%15s %63s %u", first, client, &port);

	vector->opts = parse_hex(hex);
	if (fields == 1 && is_plausible && !strcmp(first, "none")) {
		vector->expected = expect_no(NO_OPTION);
	} else if (fields == 1 && is_plausible && !strcmp(first, "invalid")) {
		vector->expected = expect_no(INVALID);
	} else if (fields == 3) {
		struct endpoint at = endpoint(client, (uint16_t)port);

		vector->expected = is_plausible ?
					   expect_client((uint8_t)atoi(first), &at) :
					   expect_implausible((uint8_t)atoi(first), &at);
	} else {
		malformed(line);
	}
}

bool vector_next(const char **cursor, struct vector *vector)
{
	const char *at = *cursor ? *cursor : vectors_text;
	char line[256];
	size_t len;

	while (*at) {
		len = strcspn(at, "\n");
		snprintf(line, sizeof(line), "%.*s", (int)len, at);
		at += len + (at[len] == '\n');
		if (line[0] == '#' || !line[strspn(line, " \t\r")])
			continue;
		parse_line(line, vector);
		*cursor = at;
		return true;
	}
	return false;
}
