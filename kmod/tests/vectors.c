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

static int show_end(const unsigned char addr[16], const unsigned char port[2], char *text)
{
	char ip[INET6_ADDRSTRLEN];

	if (toa_addr_is_mapped(addr))
		inet_ntop(AF_INET, addr + 12, ip, sizeof(ip));
	else
		inet_ntop(AF_INET6, addr, ip, sizeof(ip));
	return sprintf(text, "%s %u", ip, port[0] << 8 | port[1]);
}

static void show(enum toa_verdict verdict, const struct toa_option *found, bool plausible,
		 char *text)
{
	switch (verdict) {
	case TOA_OPTION_NONE:
		strcpy(text, "none");
		return;
	case TOA_OPTION_INVALID:
		strcpy(text, "invalid");
		return;
	case TOA_OPTION_FOREIGN:
		sprintf(text, "foreign %u %u", found->kind, found->len);
		return;
	case TOA_OPTION_FOUND:
		break;
	}
	text += sprintf(text, "%s%u ", plausible ? "" : "implausible ", found->kind);
	text += show_end(found->client, found->port, text);
	if (found->has_virtual) {
		text += sprintf(text, " to ");
		show_end(found->virtual_addr, found->virtual_port, text);
	}
}

/* What the last @formats line has set. */
static struct toa_formats formats;

static bool has_timestamps(const char *hex)
{
	const char *at = strstr(hex, "080a");

	return at && (at - hex) % 2 == 0;
}

/* The list at the very end of its memory, where a sanitizer sees a read beyond it. */
static void parse(const char *hex, bool timestamps, char *text)
{
	struct toa_option found;
	enum toa_verdict verdict;
	unsigned char bytes[48], *list;
	unsigned int len = from_hex(hex, bytes);
	bool plausible;

	list = malloc(len ? len : 1);
	memcpy(list, bytes, len);
	verdict = toa_option_parse(&formats, list, len, &found);
	plausible = verdict == TOA_OPTION_FOUND &&
		    toa_option_is_plausible(&found, list, len, timestamps);
	show(verdict, &found, plausible, text);
	free(list);
}

static bool check(const char *name, const char *hex, bool timestamps, const char *expected)
{
	char got[192];

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

/* Which option is named where none is read; "0 0": no option. */
static const struct {
	const char *hex, *expected;
} unknown[] = {
	{ "-", "0 0" },
	{ "0101" TS, "0 0" },
	{ "0101" TS "63083039cb007107", "99 8" },
	{ "63083039cb007107" "620401bb", "99 8" },
	{ "0101050a0000000100000002" "6204abcd", "98 4" },
	{ TOA4, "0 0" },
	{ "05006204", "0 0" },
	{ "05ff6204", "0 0" },
	{ "00006204", "0 0" },
	{ "01010163", "0 0" },
	{ "010163ff", "99 255" },
	{ "0101080b" "6204abcd" "01010101", "0 0" },
	/* The format cip is under kind 28, which TCP has for the User Timeout Option. */
	{ "1c0701cb00710701", "28 7" },
	{ "1c131120010db800000000000000000000000701", "28 19" },
	{ "1c048001" "6204abcd", "98 4" },
};

static unsigned int check_unknown(unsigned int *count)
{
	unsigned int failed = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(unknown); i++) {
		struct toa_option found = { .kind = 0 };
		unsigned char bytes[48], *list;
		unsigned int len = from_hex(unknown[i].hex, bytes);
		char got[16];

		list = malloc(len ? len : 1);
		memcpy(list, bytes, len);
		toa_option_find_unknown(&formats, list, len, &found);
		free(list);
		sprintf(got, "%u %u", found.kind, found.len);
		++*count;
		if (strcmp(got, unknown[i].expected)) {
			printf("unknown in %s: expected %s, got %s\n", unknown[i].hex,
			       unknown[i].expected, got);
			failed++;
		}
	}
	return failed;
}

static unsigned int check_without_timestamps(unsigned int *count)
{
	unsigned int failed = 0;
	struct toa_text wrong;

	if (toa_formats_parse(toa_text_of("toa"), &formats, &wrong))
		return 1;
	for (unsigned int i = 0; i < ARRAY_SIZE(without_timestamps); i++) {
		++*count;
		failed += !check(without_timestamps[i].name, without_timestamps[i].hex, false,
				 without_timestamps[i].expected);
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
		char name[64], hex[96], expected[128];
		struct toa_text wrong;

		if (!strncmp(line, "@formats ", 9)) {
			if (toa_formats_parse(toa_text_of(line + 9), &formats, &wrong))
				return 2;
			continue;
		}
		if (line[0] == '#' || line[0] == '\n')
			continue;
		if (sscanf(line, "%63s %95s %127[^\n]", name, hex, expected) != 3) {
			printf("not a row: %s", line);
			return 2;
		}
		count++;
		failed += !check(name, hex, has_timestamps(hex), expected);
	}
	fclose(file);
	failed += check_without_timestamps(&count);
	failed += check_unknown(&count);
	printf("vectors: %u passed, %u failed\n", count - failed, failed);
	return failed || !count;
}
