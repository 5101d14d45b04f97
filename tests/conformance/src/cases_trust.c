/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Who may send options: the default trusted set, and the addresses next to it. */
#include "cases.h"
#include "conn.h"
#include "report.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct range {
	const char *name;
	const char *below, *first, *last, *above;
	bool v6;
};

static const struct range ranges[] = {
	{ "10/8", "9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0", false },
	{ "172.16/12", "172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0", false },
	{ "192.168/16", "192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0",
	  false },
	{ "100.64/10", "100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0", false },
	{ "169.254/16", "169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0",
	  false },
	{ "fc00::/7", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fc00::",
	  "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe00::", true },
	{ "fe80::/10", "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe80::",
	  "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fec0::", true },
	/* The loopback ranges themselves cannot come from outside. */
	{ "127/8", "126.255.255.255", NULL, NULL, "128.0.0.0", false },
	{ "::1", NULL, NULL, NULL, "::2", true },
};

static void from(const struct side *side, const char *peer, bool trusted)
{
	struct endpoint a = client_of(side, 1);
	struct expected expected = answer_of(&a);
	struct conn conn;

	if (!peer)
		return;
	if (!trusted)
		expected = expect_from_stranger(expected);
	if (conn_open(&conn, side, peer, option_of(&a)))
		conn_check(&conn, &expected);
	conn_close(&conn);
	if (case_failures()[0])
		case_fail("... with the peer %s", peer);
}

static void range_on(const struct range *range, const struct side *side)
{
	if (!case_begin("trust: %s and its neighbours (%s)", range->name, side->name))
		return;
	if (side_available(side)) {
		from(side, range->below, false);
		from(side, range->first, true);
		from(side, range->last, true);
		from(side, range->above, false);
	}
	case_end();
}

static void all_ranges(void)
{
	for (unsigned int r = 0; r < sizeof(ranges) / sizeof(ranges[0]); r++) {
		for (unsigned int s = 0; s < SIDES; s++) {
			if (sides[s].v6 == ranges[r].v6)
				range_on(&ranges[r], &sides[s]);
		}
	}
}

static void stranger_sends(const struct side *side, struct tcpopts opts,
			   struct expected from_trusted)
{
	struct expected expected = expect_from_stranger(from_trusted);
	struct conn conn;

	if (conn_open(&conn, side, side->stranger, opts))
		conn_check(&conn, &expected);
	conn_close(&conn);
}

static void good_option(const struct side *side)
{
	struct endpoint four = endpoint("198.51.100.9", 4711);
	struct endpoint six = endpoint("2001:db8::9", 4711);

	stranger_sends(side, toa_option(254, &four), expect_client(254, &four));
	stranger_sends(side, toa_option(253, &six), expect_client(253, &six));
	stranger_sends(side, toa_option(200, &four), expect_client(200, &four));
}

static void bad_address(const struct side *side)
{
	struct endpoint loopback = endpoint("127.0.0.1", 4711);

	stranger_sends(side, toa_option(254, &loopback), expect_no(INVALID));
}

static void bad_length(const struct side *side)
{
	static const uint8_t bytes[] = { 254, 4, 0, 0 };

	stranger_sends(side, raw_options(bytes, sizeof(bytes)), expect_foreign(254, 4));
}

static void no_option(const struct side *side)
{
	static const uint8_t other[] = { 252, 4, 0, 0 };

	stranger_sends(side, no_options, expect_no(NO_OPTION));
	stranger_sends(side, raw_options(other, sizeof(other)), expect_no(NO_OPTION));
}

static void in_data(const struct side *side)
{
	struct endpoint a = client_of(side, 1);
	struct expected expected = expect_from_stranger(answer_of(&a));
	struct conn conn;

	if (conn_prepare(&conn, side, side->stranger) && peer_syn(&conn.peer, no_options)) {
		peer_data(&conn.peer, option_of(&a), "hello");
		if (conn_accept(&conn) && read_text(conn.fd, "hello"))
			conn_check(&conn, &expected);
	}
	conn_close(&conn);
}

/* A real connection over lo has no option, and nothing about it may change. */
static void real_loopback(const struct side *side)
{
	struct expected none = expect_no(NO_OPTION);
	struct endpoint to, peer;
	struct sockaddr_storage name;
	socklen_t len;
	struct conn conn;
	int fd = socket(side->v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (conn_prepare(&conn, side, side->trusted)) {
		to = endpoint(side->v6 ? "::1" : "127.0.0.1", conn.server.at.port);
		len = endpoint_to_name(&to, side->v6 ? AF_INET6 : AF_INET, &name);
		if (connect(fd, (struct sockaddr *)&name, len) < 0)
			case_fail("connect over lo: %s", strerror(errno));
		len = sizeof(name);
		if (conn_accept(&conn) && !getsockname(fd, (struct sockaddr *)&name, &len) &&
		    endpoint_from_name(&peer, &name, len)) {
			check_name("accept", &conn.name, conn.name_len, side->family, &peer,
				   &none);
			check_answers(conn.fd, side->family, &peer, &none);
		}
	}
	close(fd);
	conn_close(&conn);
}

void cases_trust(void)
{
	static const struct testcase table[] = {
		{ "a stranger's good option", good_option, ON_ALL },
		{ "a stranger's impossible address", bad_address, ON_ALL },
		{ "a stranger's wrong length", bad_length, ON_ALL },
		{ "a stranger without option is not refused", no_option, ON_ALL },
		{ "a stranger's data segment completes", in_data, ON_ALL },
		{ "real connections over lo", real_loopback, ON_ALL },
		{ 0 },
	};

	all_ranges();
	run_cases("trust", table);
}
