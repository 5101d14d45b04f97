// SPDX-License-Identifier: GPL-2.0-only
/* The parser against tests/vectors/toa-options.txt, which every parser of the project obeys. */
#include "../addr.h"
#include "../option.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned int from_hex(const char *hex, unsigned char *bytes)
{
	unsigned int n = 0, byte;

	if (!strcmp(hex, "-"))
		return 0;
	while (sscanf(hex + 2 * n, "%2x", &byte) == 1)
		bytes[n++] = (unsigned char)byte;
	return n;
}

static void show(enum toa_verdict verdict, const struct toa_option *found, bool plausible,
		 char *text)
{
	char ip[INET6_ADDRSTRLEN];

	if (verdict != TOA_OPTION_FOUND) {
		strcpy(text, verdict == TOA_OPTION_NONE ? "none" : "invalid");
		return;
	}
	if (toa_addr_is_mapped(found->client))
		inet_ntop(AF_INET, found->client + 12, ip, sizeof(ip));
	else
		inet_ntop(AF_INET6, found->client, ip, sizeof(ip));
	sprintf(text, "%s%u %s %u", plausible ? "" : "implausible ", found->kind, ip,
		found->port[0] << 8 | found->port[1]);
}

static struct toa_kinds default_kinds(void)
{
	struct toa_kinds kinds = { 0 };

	toa_kinds_add(&kinds, 254);
	toa_kinds_add(&kinds, 253);
	toa_kinds_add(&kinds, 200);
	return kinds;
}

static bool has_timestamps(const char *hex)
{
	const char *at = strstr(hex, "080a");

	return at && (at - hex) % 2 == 0;
}

/* The list at the very end of its memory, where a sanitizer sees a read beyond it. */
static void parse(const char *hex, bool timestamps, char *text)
{
	struct toa_kinds kinds = default_kinds();
	struct toa_option found;
	enum toa_verdict verdict;
	unsigned char bytes[48], *list;
	unsigned int len = from_hex(hex, bytes);
	bool plausible;

	list = malloc(len ? len : 1);
	memcpy(list, bytes, len);
	verdict = toa_option_parse(&kinds, list, len, &found);
	plausible = verdict == TOA_OPTION_FOUND &&
		    toa_option_is_plausible(&found, list, len, timestamps);
	show(verdict, &found, plausible, text);
	free(list);
}

static bool check(const char *name, const char *hex, bool timestamps, const char *expected)
{
	char got[96];

	parse(hex, timestamps, got);
	if (!strcmp(got, expected))
		return true;
	printf("%s: expected %s, got %s\n", name, expected, got);
	return false;
}

#define TOA6	"fe14303920010db8000000000000000000000007"
#define TOA4	"fe083039cb007107"
#define TS	"080a0000000100000002"

/* On a connection that has not negotiated timestamps: what the file's rows cannot say. */
static const struct {
	const char *name, *hex, *expected;
} without_timestamps[] = {
	{ "ipv6, timestamps", TOA6 "0101" TS, "implausible 254 2001:db8::7 12345" },
	{ "timestamps, ipv6", "0101" TS TOA6, "implausible 254 2001:db8::7 12345" },
	{ "ipv4, timestamps", TOA4 "0101" TS, "254 203.0.113.7 12345" },
};

int main(int argc, char **argv)
{
	FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;
	unsigned int count = 0, failed = 0;
	char line[256];

	if (!file) {
		fprintf(stderr, "usage: vectors FILE\n");
		return 2;
	}
	while (fgets(line, sizeof(line), file)) {
		char name[64], hex[96], expected[96];

		if (line[0] == '#' || sscanf(line, "%63s %95s %95[^\n]", name, hex, expected) != 3)
			continue;
		count++;
		failed += !check(name, hex, has_timestamps(hex), expected);
	}
	fclose(file);
	for (unsigned int i = 0; i < ARRAY_SIZE(without_timestamps); i++) {
		count++;
		failed += !check(without_timestamps[i].name, without_timestamps[i].hex, false,
				 without_timestamps[i].expected);
	}
	printf("vectors: %u passed, %u failed\n", count - failed, failed);
	return failed || !count;
}
