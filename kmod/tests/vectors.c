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

/* The list at the very end of its memory, where a sanitizer sees a read beyond it. */
static void parse(const unsigned char *bytes, unsigned int len, char *text)
{
	struct toa_kinds kinds = { 0 };
	struct toa_option found;
	unsigned char *list = malloc(len ? len : 1);

	toa_kinds_add(&kinds, 254);
	toa_kinds_add(&kinds, 253);
	toa_kinds_add(&kinds, 200);
	memcpy(list, bytes, len);
	show(toa_option_parse(&kinds, list, len, &found), &found, text);
	free(list);
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
	printf("vectors: %u passed, %u failed\n", count - failed, failed);
	return failed || !count;
}
