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

static void show(enum toa_verdict verdict, const struct toa_option *found, char *text)
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
	sprintf(text, "%u %s %u", found->kind, ip, found->port[0] << 8 | found->port[1]);
}

static struct toa_kinds default_kinds(void)
{
	struct toa_kinds kinds = { 0 };

	toa_kinds_add(&kinds, 254);
	toa_kinds_add(&kinds, 253);
	toa_kinds_add(&kinds, 200);
	return kinds;
}

/* The list at the very end of its memory, where a sanitizer sees a read beyond it. */
static unsigned char *exact_copy(const unsigned char *bytes, unsigned int len)
{
	unsigned char *list = malloc(len ? len : 1);

	memcpy(list, bytes, len);
	return list;
}

static void parse(const unsigned char *bytes, unsigned int len, char *text)
{
	struct toa_kinds kinds = default_kinds();
	unsigned char *list = exact_copy(bytes, len);
	struct toa_option found;

	show(toa_option_parse(&kinds, list, len, &found), &found, text);
	free(list);
}

#define TOA4	"fe083039cb007107"
#define TOA6	"fe14303920010db8000000000000000000000007"
#define TS	"080a0000000100000002"
#define NOPS4	"01010101"
#define NOPS20	NOPS4 NOPS4 NOPS4 NOPS4 NOPS4

enum { NEVER, WITH_TIMESTAMPS, ALWAYS };

/* What a balancer can have written, by whether the connection negotiated timestamps. */
static const struct {
	const char *name, *hex;
	int plausible;
} plausibility[] = {
	/* There was room for another one. */
	{ "ipv4", TOA4, ALWAYS },
	{ "ipv6", TOA6, ALWAYS },
	{ "ipv4 twice", TOA4 TOA4, ALWAYS },
	{ "ipv4, ipv6", TOA4 TOA6, ALWAYS },
	{ "ipv4 four times", TOA4 TOA4 TOA4 TOA4, ALWAYS },
	{ "ipv4, padding to 32", TOA4 NOPS20 NOPS4, ALWAYS },
	{ "ipv4, another option", TOA4 "fc08000000000000", ALWAYS },
	{ "ipv4, timestamps", TOA4 "0101" TS, ALWAYS },
	/* There was none, and the rest is what a client's TCP sends. */
	{ "ipv6, timestamps", TOA6 "0101" TS, WITH_TIMESTAMPS },
	{ "ipv6, timestamps first in their padding", TOA6 TS "0000", WITH_TIMESTAMPS },
	{ "timestamps, ipv6", "0101" TS TOA6, WITH_TIMESTAMPS },
	{ "ipv6 at an odd place, timestamps", "01" TOA6 "01" TS, WITH_TIMESTAMPS },
	/* There was none. */
	{ "ipv6, ipv4", TOA6 TOA4, NEVER },
	{ "ipv6 twice", TOA6 TOA6, NEVER },
	{ "ipv6, one word of padding", TOA6 NOPS4, NEVER },
	{ "ipv6, padding to 40", TOA6 NOPS20, NEVER },
	{ "padding, ipv6", NOPS20 TOA6, NEVER },
	{ "ipv6, the end of the list", TOA6 "00000000", NEVER },
	{ "ipv6, timestamps, too much padding", TOA6 "0101" TS NOPS4, NEVER },
	{ "ipv6, timestamps twice", TOA6 TS TS, NEVER },
	{ "ipv6, timestamps too short", TOA6 "0101080800000001" NOPS4, NEVER },
	{ "ipv6, timestamps cut off", TOA6 "0101080a00000001", NEVER },
	{ "ipv6, last byte is a kind", TOA6 "01010108", NEVER },
	{ "ipv6, SACK", TOA6 "0101050a0000000100000002", NEVER },
	{ "ipv6, another option", TOA6 "fc04f989", NEVER },
	{ "ipv6, bytes behind the end of the list", TOA6 "0000fc04", NEVER },
	{ "ipv4 five times", TOA4 TOA4 TOA4 TOA4 TOA4, NEVER },
	{ "ipv4, padding to 36", TOA4 NOPS20 NOPS4 NOPS4, NEVER },
	{ "padding, ipv4", NOPS20 NOPS4 NOPS4 NOPS4 TOA4, NEVER },
	{ "ipv4, timestamps, padding to 40", TOA4 "0101" TS NOPS20, NEVER },
};

static bool is_plausible(const char *hex, bool timestamps)
{
	struct toa_kinds kinds = default_kinds();
	unsigned char bytes[48], *list;
	unsigned int len = from_hex(hex, bytes);
	struct toa_option found;
	bool plausible;

	list = exact_copy(bytes, len);
	plausible = toa_option_parse(&kinds, list, len, &found) == TOA_OPTION_FOUND &&
		    toa_option_is_plausible(&found, list, len, timestamps);
	free(list);
	return plausible;
}

static unsigned int check_plausibility(void)
{
	unsigned int failed = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(plausibility); i++) {
		for (int timestamps = 0; timestamps <= 1; timestamps++) {
			bool expected = plausibility[i].plausible + timestamps >= ALWAYS;

			if (is_plausible(plausibility[i].hex, timestamps) == expected)
				continue;
			printf("%s, %s timestamps: %splausible\n", plausibility[i].name,
			       timestamps ? "with" : "without", expected ? "im" : "");
			failed++;
		}
	}
	return failed;
}

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
		char name[64], hex[96], expected[96], got[96];
		unsigned char bytes[48];

		if (line[0] == '#' || sscanf(line, "%63s %95s %95[^\n]", name, hex, expected) != 3)
			continue;
		parse(bytes, from_hex(hex, bytes), got);
		count++;
		if (strcmp(got, expected)) {
			printf("%s: expected %s, got %s\n", name, expected, got);
			failed++;
		}
	}
	fclose(file);
	failed += check_plausibility();
	count += 2 * ARRAY_SIZE(plausibility);
	printf("vectors: %u passed, %u failed\n", count - failed, failed);
	return failed || !count;
}
