/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What no balancer can have written: the first option is a stranger's, who filled the
 * rest of the list so that the balancer's own found no room. And what looks alike but
 * is believed.
 */
#include "cases.h"
#include "conn.h"
#include "report.h"
#include "timestamps.h"

#include <string.h>

#define KIND 254
#define NOP 1
#define LIST_MAX 40

/* Both lengths on every side: getpeername() of AF_INET shows no IPv6 client. */
static const char *const clients[] = { "198.51.100.9", "2001:db8::9" };

#define CLIENTS (sizeof(clients) / sizeof(clients[0]))

static struct tcpopts nops(size_t len)
{
	uint8_t bytes[LIST_MAX];

	memset(bytes, NOP, sizeof(bytes));
	return raw_options(bytes, len);
}

/* One option of a kind that nobody reads. */
static struct tcpopts filler(size_t len)
{
	uint8_t bytes[LIST_MAX] = { 252, (uint8_t)len };

	return raw_options(bytes, len);
}

static struct tcpopts rest_of(const struct tcpopts *option, struct tcpopts (*fill)(size_t))
{
	return fill((size_t)(LIST_MAX - option->len));
}

static void in_ack(const struct side *side, const char *from, struct tcpopts opts,
		   const struct expected *expected)
{
	struct conn conn;

	if (conn_open(&conn, side, from, opts))
		conn_check(&conn, expected);
	conn_close(&conn);
}

/* The same on a connection with timestamps, whose values are filled in. */
static void with_timestamps(const struct side *side, struct tcpopts opts,
			    const struct expected *expected)
{
	struct conn conn;

	if (conn_prepare(&conn, side, side->trusted) && peer_syn(&conn.peer, timestamps_syn()) &&
	    timestamps_answer(&conn.peer, &opts)) {
		peer_ack(&conn.peer, opts);
		if (conn_accept(&conn))
			conn_check(&conn, expected);
	}
	conn_close(&conn);
}

static void full_of(const struct side *side, struct tcpopts (*fill)(size_t), bool behind)
{
	for (size_t i = 0; i < CLIENTS; i++) {
		struct endpoint client = endpoint(clients[i], 4711);
		struct expected expected = expect_implausible(KIND, &client);
		struct tcpopts option = toa_option(KIND, &client);
		struct tcpopts rest = rest_of(&option, fill);

		in_ack(side, side->trusted,
		       behind ? join_options(rest, option) : join_options(option, rest),
		       &expected);
	}
}

static void full_of_padding(const struct side *side)
{
	full_of(side, nops, false);
	full_of(side, nops, true);
}

static void full_of_another_option(const struct side *side)
{
	full_of(side, filler, false);
	full_of(side, filler, true);
}

static void second_without_room(const struct side *side)
{
	struct endpoint six = endpoint(clients[1], 4711), four = endpoint(clients[0], 4712);
	struct expected expected = expect_implausible(KIND, &six);
	struct tcpopts option = toa_option(KIND, &six);

	in_ack(side, side->trusted, join_options(option, toa_option(KIND, &four)), &expected);
	in_ack(side, side->trusted, join_options(option, option), &expected);
}

static void one_too_many(const struct side *side)
{
	struct endpoint six = endpoint(clients[1], 4711), four = endpoint(clients[0], 4711);
	struct expected expected = expect_implausible(KIND, &six);

	in_ack(side, side->trusted, join_options(toa_option(KIND, &six), nops(4)), &expected);
	expected = expect_implausible(KIND, &four);
	in_ack(side, side->trusted, join_options(toa_option(KIND, &four), nops(28)), &expected);
}

static void room_for_another(const struct side *side)
{
	struct endpoint six = endpoint(clients[1], 4711), four = endpoint(clients[0], 4711);
	struct endpoint second = endpoint("198.51.100.10", 4712);
	struct expected expected = expect_client(KIND, &six);

	in_ack(side, side->trusted, toa_option(KIND, &six), &expected);
	expected = expect_client(KIND, &four);
	in_ack(side, side->trusted, join_options(toa_option(KIND, &four), nops(24)), &expected);
	in_ack(side, side->trusted, join_options(toa_option(KIND, &four), filler(24)), &expected);
	in_ack(side, side->trusted,
	       join_options(toa_option(KIND, &four), toa_option(KIND, &second)), &expected);
}

static void timestamps_beside(const struct side *side)
{
	for (size_t i = 0; i < CLIENTS; i++) {
		struct endpoint client = endpoint(clients[i], 4711);
		struct expected expected = expect_client(KIND, &client);
		struct tcpopts option = toa_option(KIND, &client);

		with_timestamps(side, join_options(option, timestamps_option()), &expected);
		with_timestamps(side, join_options(timestamps_option(), option), &expected);
		with_timestamps(side, option, &expected);
	}
}

static void more_than_timestamps(const struct side *side)
{
	for (size_t i = 0; i < CLIENTS; i++) {
		struct endpoint client = endpoint(clients[i], 4711);
		struct expected expected = expect_implausible(KIND, &client);
		struct tcpopts opts = join_options(toa_option(KIND, &client), timestamps_option());

		with_timestamps(side, join_options(opts, rest_of(&opts, nops)), &expected);
		with_timestamps(side, join_options(opts, rest_of(&opts, filler)), &expected);
	}
}

static void in_data(const struct side *side)
{
	for (size_t i = 0; i < CLIENTS; i++) {
		struct endpoint client = endpoint(clients[i], 4711);
		struct expected expected = expect_implausible(KIND, &client);
		struct tcpopts option = toa_option(KIND, &client);
		struct conn conn;

		if (conn_prepare(&conn, side, side->trusted) && peer_syn(&conn.peer, no_options)) {
			peer_data(&conn.peer, join_options(option, rest_of(&option, nops)),
				  "hello");
			if (conn_accept(&conn) && read_text(conn.fd, "hello"))
				conn_check(&conn, &expected);
		}
		conn_close(&conn);
	}
}

/* Its length says nothing: a long first request under TCP_DEFER_ACCEPT looks the same. */
static void long_first_request(const struct side *side)
{
	for (size_t i = 0; i < CLIENTS; i++) {
		struct endpoint client = endpoint(clients[i], 4711);
		struct expected expected = expect_client(KIND, &client);
		struct tcpopts option = toa_option(KIND, &client);
		char text[1500];
		struct conn conn;

		memset(text, 'x', sizeof(text));
		text[sizeof(text) - (side->v6 ? 60 : 40) - option.len] = '\0';
		if (conn_prepare(&conn, side, side->trusted) && peer_syn(&conn.peer, no_options)) {
			peer_data(&conn.peer, option, text);
			if (conn_accept(&conn) && read_text(conn.fd, text))
				conn_check(&conn, &expected);
		}
		conn_close(&conn);
	}
}

static void from_a_stranger(const struct side *side)
{
	struct endpoint client = endpoint(clients[1], 4711);
	struct expected expected = expect_from_stranger(expect_implausible(KIND, &client));

	in_ack(side, side->stranger, join_options(toa_option(KIND, &client), nops(20)), &expected);
}

static void refused_address(const struct side *side)
{
	struct endpoint loopback = endpoint("127.0.0.1", 4711);
	struct expected invalid = expect_no(INVALID);

	in_ack(side, side->trusted, join_options(toa_option(KIND, &loopback), nops(32)), &invalid);
}

void cases_implausible(void)
{
	static const struct testcase table[] = {
		{ "a list full of padding", full_of_padding, ON_ALL },
		{ "a list full of another option", full_of_another_option, ON_ALL },
		{ "a second option where a third has no room", second_without_room, ON_ALL },
		{ "four bytes too many", one_too_many, ON_ALL },
		{ "room for another option is believed", room_for_another, ON_ALL },
		{ "negotiated timestamps beside it are believed", timestamps_beside, ON_ALL },
		{ "more than timestamps beside it", more_than_timestamps, ON_ALL },
		{ "in data that completes the handshake", in_data, ON_ALL },
		{ "a first request up to the MTU is believed", long_first_request, ON_ALL },
		{ "an untrusted peer is refused as such", from_a_stranger, ON_ALL },
		{ "an impossible address is refused as such", refused_address, ON_ALL },
		{ 0 },
	};

	run_cases("implausible", table);
}
