/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "cli.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cli cli = { .source = SOURCE_ANY, .churn = 20000, .peername = true, .trust = true,
		   .plausible = true, .formats = "toa" };

static const char usage[] =
	"Checks that the TOA source of this kernel keeps the source contract. Needs root.\n"
	"\n"
	"usage: toa-conformance [OPTION]...\n"
	"  --source ebpf|module|any|third-party   which source must answer (any)\n"
	"  --peername on|off   whether the source rewrites getpeername() (on)\n"
	"  --no-trust          the source is set up to trust any peer\n"
	"  --believe-implausible   the source is set up to believe implausible options\n"
	"  --formats NAMES     the formats that the source is set up to read (toa); with others\n"
	"                      than toa only the vectors of exactly these are checked\n"
	"  --churn N           connections in the churn case, 0 for none (20000)\n"
	"  --only TEXT         only cases whose name contains TEXT\n"
	"  --list              print the names of the cases, run nothing\n"
	"  --no-skip           a skipped case is a failed one; also by\n"
	"                      TOA_REQUIRE_PRIVILEGED=1 in the environment\n"
	"  --expect-none       check that no source is loaded, nothing else\n"
	"  --here              use this network namespace; for kernels that have no others\n";

enum { SOURCE = 1, PEERNAME, NO_TRUST, BELIEVE, FORMATS, CHURN, ONLY, LIST, NO_SKIP, EXPECT_NONE, HERE, HELP };

static const struct option options[] = {
	{ "source", required_argument, NULL, SOURCE },
	{ "peername", required_argument, NULL, PEERNAME },
	{ "no-trust", no_argument, NULL, NO_TRUST },
	{ "believe-implausible", no_argument, NULL, BELIEVE },
	{ "formats", required_argument, NULL, FORMATS },
	{ "churn", required_argument, NULL, CHURN },
	{ "only", required_argument, NULL, ONLY },
	{ "list", no_argument, NULL, LIST },
	{ "no-skip", no_argument, NULL, NO_SKIP },
	{ "expect-none", no_argument, NULL, EXPECT_NONE },
	{ "here", no_argument, NULL, HERE },
	{ "help", no_argument, NULL, HELP },
	{ NULL, 0, NULL, 0 },
};

__attribute__((noreturn)) static void refuse(const char *option, const char *value)
{
	fprintf(stderr, "--%s does not know '%s'; see --help\n", option, value);
	exit(2);
}

static enum source parse_source(const char *text)
{
	if (!strcmp(text, "any"))
		return SOURCE_ANY;
	if (!strcmp(text, "ebpf"))
		return SOURCE_EBPF;
	if (!strcmp(text, "module"))
		return SOURCE_MODULE;
	if (!strcmp(text, "third-party"))
		return SOURCE_THIRD_PARTY;
	refuse("source", text);
}

static bool parse_switch(const char *text)
{
	if (!strcmp(text, "on"))
		return true;
	if (!strcmp(text, "off"))
		return false;
	refuse("peername", text);
}

static unsigned int parse_count(const char *text)
{
	char *end;
	unsigned long count = strtoul(text, &end, 10);

	if (end == text || *end || count > 100000000)
		refuse("churn", text);
	return (unsigned int)count;
}

static void apply(int option, const char *value)
{
	switch (option) {
	case SOURCE:
		cli.source = parse_source(value);
		break;
	case PEERNAME:
		cli.peername = parse_switch(value);
		break;
	case NO_TRUST:
		cli.trust = false;
		break;
	case BELIEVE:
		cli.plausible = false;
		break;
	case FORMATS:
		cli.formats = value;
		break;
	case CHURN:
		cli.churn = parse_count(value);
		break;
	case ONLY:
		cli.only = value;
		break;
	case LIST:
		cli.list = true;
		break;
	case NO_SKIP:
		cli.no_skip = true;
		break;
	case EXPECT_NONE:
		cli.expect_none = true;
		break;
	case HERE:
		cli.here = true;
		break;
	case HELP:
		fputs(usage, stdout);
		exit(0);
	default:
		fputs(usage, stderr);
		exit(2);
	}
}

void cli_parse(int argc, char **argv)
{
	const char *strict = getenv("TOA_REQUIRE_PRIVILEGED");
	int option;

	cli.no_skip = strict && !strcmp(strict, "1");
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		apply(option, optarg);
	if (cli.source == SOURCE_THIRD_PARTY)
		cli.plausible = false;
	if (optind < argc) {
		fprintf(stderr, "unexpected argument '%s'; see --help\n", argv[optind]);
		exit(2);
	}
}

bool cli_has_info(void)
{
	return cli.source != SOURCE_THIRD_PARTY;
}
