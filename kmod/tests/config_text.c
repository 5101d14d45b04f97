// SPDX-License-Identifier: GPL-2.0-only
/* The parameters' texts against tests/vectors/toa-config.txt, which toa-core obeys as well. */
#include "../addr.h"
#include "../formats.h"
#include "../trust.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

/* Enough for the row with the most networks. */
#define SET_MAX	4096

static void show_net(const struct toa_net_prefix *net, char *text)
{
	bool v4 = toa_addr_is_mapped(net->addr) && net->bits >= 96;
	char ip[INET6_ADDRSTRLEN];

	inet_ntop(v4 ? AF_INET : AF_INET6, net->addr + (v4 ? 12 : 0), ip, sizeof(ip));
	sprintf(text, "%s/%u", ip, net->bits - (v4 ? 96U : 0U));
}

/* IPv4 first. */
static int compare(const void *left, const void *right)
{
	const struct toa_net_prefix *a = left, *b = right;
	int families = toa_addr_is_mapped(b->addr) - toa_addr_is_mapped(a->addr);

	return families ? families : memcmp(a->addr, b->addr, sizeof(a->addr));
}

static void read_trusted(struct toa_text text, char *read)
{
	struct toa_trusted trusted;
	struct toa_text wrong;

	if (toa_trusted_parse(text, &trusted, &wrong)) {
		strcpy(read, "refused");
		return;
	}
	qsort(trusted.nets, trusted.count, sizeof(trusted.nets[0]), compare);
	strcpy(read, trusted.any ? "any" : trusted.count ? "" : "none");
	for (unsigned int i = 0; i < trusted.count; i++) {
		if (i)
			strcat(read, ",");
		show_net(&trusted.nets[i], read + strlen(read));
	}
}

static void read_formats(struct toa_text text, char *read)
{
	struct toa_formats formats;
	struct toa_text wrong;

	if (toa_formats_parse(text, &formats, &wrong))
		strcpy(read, "refused");
	else
		toa_formats_to_text(&formats, read);
}

/* The text of the largest set has room. */
static bool largest_fits(void)
{
	char text[SET_MAX] = "toa,vtoa,cip,ttgw", read[TOA_FORMATS_TEXT_MAX];
	struct toa_formats formats;
	struct toa_text wrong;

	for (unsigned int kind = 0; kind < 256; kind++) {
		char with[SET_MAX];

		snprintf(with, sizeof(with), "%.2560s,toa@%u", text, kind);
		if (!toa_formats_parse(toa_text_of(with), &formats, &wrong))
			strcpy(text, with);
	}
	return !toa_formats_parse(toa_text_of(text), &formats, &wrong) &&
	       toa_formats_to_text(&formats, read) > 0 && strlen(read) > 1700;
}

/* Without the closing zero, at the very end of its memory, where a sanitizer sees a read beyond it. */
static struct toa_text unescape(const char *quoted, unsigned int len)
{
	char *text = malloc(len ? len : 1);
	unsigned int out = 0;

	for (unsigned int i = 0; i < len; i++) {
		if (quoted[i] == '\\' && i + 1 < len)
			text[out++] = quoted[++i] == 't' ? '\t' : '\n';
		else
			text[out++] = quoted[i];
	}
	return (struct toa_text) { realloc(text, out ? out : 1), out };
}

static bool check(char *line)
{
	char *quoted = strchr(line, '"'), *end = quoted ? strchr(quoted + 1, '"') : NULL;
	char expected[SET_MAX], read[SET_MAX];
	struct toa_text text;

	if (!end || sscanf(end + 1, "%4095s", expected) != 1) {
		printf("not a row: %s", line);
		return false;
	}
	text = unescape(quoted + 1, end - quoted - 1);
	if (!strncmp(line, "trusted ", 8))
		read_trusted(text, read);
	else if (!strncmp(line, "formats ", 8))
		read_formats(text, read);
	else
		strcpy(read, "no setting");
	free((char *)text.at);
	if (!strcmp(read, expected))
		return true;
	printf("read as %s: %s", read, line);
	return false;
}

int main(int argc, char **argv)
{
	FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;
	unsigned int count = 0, failed = 0;
	char line[512];

	if (!file) {
		fprintf(stderr, "usage: config_text FILE\n");
		return 2;
	}
	while (fgets(line, sizeof(line), file)) {
		if (line[0] == '#' || line[0] == '\n')
			continue;
		count++;
		failed += !check(line);
	}
	fclose(file);
	count++;
	failed += !largest_fits();
	printf("config_text: %u passed, %u failed\n", count - failed, failed);
	return failed || count < 140;
}
