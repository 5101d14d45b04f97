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

static struct expected parse_client(const char *text, bool is_plausible)
{
	char client[64], virtual[64];
	unsigned int kind, port, virtual_port;
	int fields = sscanf(text, "%u %63s %u to %63s %u", &kind, client, &port, virtual,
			    &virtual_port);
	struct endpoint at;
	struct expected expected;

	if (fields != 3 && fields != 5)
		malformed(text);
	at = endpoint(client, (uint16_t)port);
	expected = is_plausible ? expect_client((uint8_t)kind, &at) :
				  expect_implausible((uint8_t)kind, &at);
	if (fields == 5 && expected.verdict == CLIENT)
		expected.virtual = endpoint(virtual, (uint16_t)virtual_port);
	return expected;
}

static struct expected parse_expected(const char *text)
{
	static const char implausible[] = "implausible ";
	unsigned int kind, len;

	if (!strcmp(text, "none"))
		return expect_no(NO_OPTION);
	if (!strcmp(text, "invalid"))
		return expect_no(INVALID);
	if (sscanf(text, "foreign %u %u", &kind, &len) == 2)
		return expect_foreign((uint8_t)kind, (uint8_t)len);
	if (!strncmp(text, implausible, sizeof(implausible) - 1))
		return parse_client(text + sizeof(implausible) - 1, false);
	return parse_client(text, true);
}

static void parse_line(const char *line, struct vector *vector)
{
	char hex[128];
	int expected_at = 0;

	if (sscanf(line, "%63s %127s %n", vector->name, hex, &expected_at) < 2 || !expected_at)
		malformed(line);
	vector->opts = parse_hex(hex);
	vector->expected = parse_expected(line + expected_at);
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
		if (sscanf(line, "@formats %63s", vector->formats) == 1)
			continue;
		parse_line(line, vector);
		*cursor = at;
		return true;
	}
	return false;
}
