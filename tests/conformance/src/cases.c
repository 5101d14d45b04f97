/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "cases.h"

#include "report.h"
#include "tun.h"

#include <stddef.h>

bool side_available(const struct side *side)
{
	if (!side || side->family == AF_INET || tun_has_v6())
		return true;
	case_skip("this kernel has no IPv6");
	return false;
}

static void run_on(const char *group, const struct testcase *test, const struct side *side)
{
	bool wanted = side ? case_begin("%s: %s (%s)", group, test->name, side->name) :
			     case_begin("%s: %s", group, test->name);

	if (!wanted)
		return;
	if (side_available(side))
		test->run(side);
	case_end();
}

void run_cases(const char *group, const struct testcase *cases)
{
	for (const struct testcase *test = cases; test->name; test++) {
		if (test->on & ONCE)
			run_on(group, test, NULL);
		for (unsigned int i = 0; i < SIDES; i++) {
			if (test->on & 1U << i)
				run_on(group, test, &sides[i]);
		}
	}
}
