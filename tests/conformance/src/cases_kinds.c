/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Each kind with each length and boundary value, others ignored. */
#include "cases.h"
#include "conn.h"
#include "report.h"

static const uint8_t kinds[] = { 254, 253, 200 };
static const char *const clients[] = {
	"1.0.0.0", "1.2.3.4", "126.255.255.255", "128.0.0.0", "223.255.255.255",
	"::1:0:0", "2001:db8::1", "fe80::1", "feff:ffff::1",
	"::fffe:1.2.3.4", "64:ff9b::198.51.100.1", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
};
static const uint16_t ports[] = { 0, 1, 255, 256, 1023, 32768, 65534, 65535 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void one(const struct side *side, uint8_t kind, const struct endpoint *client)
{
	struct expected expected = expect_client(kind, client);
	struct tcpopts option = toa_option(kind, client);
	struct conn conn;

	expected.len = option.bytes[1];
	if (conn_open(&conn, side, side->trusted, option))
		conn_check(&conn, &expected);
	conn_close(&conn);
}

static void each_kind_and_address(const struct side *side)
{
	struct endpoint client;

	for (unsigned int k = 0; k < COUNT(kinds); k++) {
		for (unsigned int c = 0; c < COUNT(clients); c++) {
			client = endpoint(clients[c], 4711);
			one(side, kinds[k], &client);
		}
	}
}

static void each_port(const struct side *side)
{
	struct endpoint client;

	for (unsigned int p = 0; p < COUNT(ports); p++) {
		client = endpoint("198.51.100.9", ports[p]);
		one(side, 254, &client);
		client = endpoint("2001:db8::9", ports[p]);
		one(side, 253, &client);
	}
}

static bool is_configured(unsigned int kind)
{
	return kind == 254 || kind == 253 || kind == 200;
}

/* 0 and 1 have no length byte, so what follows them would be read as kinds. */
static void unconfigured_kinds(const struct side *side)
{
	struct endpoint client = endpoint("198.51.100.9", 4711);
	struct expected expected = expect_no(NO_OPTION);
	struct conn conn;

	for (unsigned int kind = 30; kind < 256; kind++) {
		if (is_configured(kind))
			continue;
		if (conn_open(&conn, side, side->trusted, toa_option((uint8_t)kind, &client)))
			conn_check(&conn, &expected);
		conn_close(&conn);
	}
}

void cases_kinds(void)
{
	static const struct testcase table[] = {
		{ "each kind with each length and address", each_kind_and_address, ON_ALL },
		{ "each boundary port", each_port, ON_ALL },
		{ "unconfigured kinds are ignored", unconfigured_kinds, ON_ALL },
		{ 0 },
	};

	run_cases("kinds", table);
}
