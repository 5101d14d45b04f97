/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The conformance suite of the TOA source contract. See README.md. */
#include "cases.h"
#include "cli.h"
#include "namespace.h"
#include "probe.h"
#include "report.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

/* A thousand connections at once, each with its own descriptor. */
static void allow_many_descriptors(void)
{
	struct rlimit limit = { .rlim_cur = 8192, .rlim_max = 8192 };

	setrlimit(RLIMIT_NOFILE, &limit);
}

static void all_cases(void)
{
	cases_vectors();
	if (!cli.list && strcmp(cli.formats, "toa"))
		return;
	cases_kinds();
	cases_implausible();
	cases_segment();
	cases_rejected();
	cases_cookies();
	cases_fastopen();
	cases_trust();
	cases_buffers();
	cases_non_tcp();
	cases_foreign_options();
	cases_accept();
	cases_share();
	cases_lifetime();
	cases_many();
	cases_churn();
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	cli_parse(argc, argv);
	signal(SIGPIPE, SIG_IGN);
	if (!cli.list) {
		allow_many_descriptors();
		namespace_enter();
		if (!cli.expect_none)
			probe_source();
	}
	if (cli.expect_none)
		cases_no_source();
	else
		all_cases();
	return report_summary();
}
