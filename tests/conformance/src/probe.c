/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Is a source there at all, and is it the one that was asked for? */
#include "probe.h"

#include "cases.h"
#include "cli.h"
#include "conn.h"
#include "report.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define KIND 254

/* What a connection with a good option says to 4096. */
static int lookup_error(void)
{
	const struct side *side = &sides[SIDE_V4];
	struct endpoint client = endpoint("198.51.100.1", 4711);
	struct toa_nat64_peer answer;
	socklen_t len = sizeof(answer);
	struct conn conn;
	int err = 0;

	case_alive();
	if (!conn_open(&conn, side, side->trusted, toa_option(KIND, &client)))
		bail_out("a plain TCP handshake does not work here: %s", case_failures());
	err = ask(conn.fd, TOA_SO_GET_LOOKUP, &answer, &len);
	conn_close(&conn);
	return err;
}

static const char *source_name(unsigned int source)
{
	return source == TOA_SOURCE_EBPF ? "ebpf" : source == TOA_SOURCE_MODULE ? "module" :
										  "unknown";
}

static void require_info(void)
{
	struct toa_info info;
	socklen_t len = sizeof(info);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int err = fd < 0 ? errno : ask(fd, TOA_SO_GET_INFO, &info, &len);

	if (fd >= 0)
		close(fd);
	if (err) {
		if (lookup_error() == ENOPROTOOPT)
			bail_out("no source answers on this kernel: load one first");
		bail_out("a source answers 4096 but not 4097 (%s): a third-party module? then "
			 "say --source third-party", strerror(err));
	}
	if ((cli.source == SOURCE_EBPF && info.source != TOA_SOURCE_EBPF) ||
	    (cli.source == SOURCE_MODULE && info.source != TOA_SOURCE_MODULE))
		bail_out("the source on this kernel is %s, not the one asked for",
			 source_name(info.source));
	case_note("source: %s, interface version %u", source_name(info.source), info.version);
}

void probe_source(void)
{
	if (cli_has_info())
		require_info();
	else if (lookup_error() == ENOPROTOOPT)
		bail_out("no source answers on this kernel: load one first");
}

static void expect_unknown(int fd, int name, const char *what)
{
	char buffer[64];
	socklen_t len = sizeof(buffer);
	int err = ask(fd, name, buffer, &len);

	if (err != ENOPROTOOPT)
		case_fail("%d on %s: got %s, expected ENOPROTOOPT", name, what,
			  err ? strerror(err) : "an answer");
}

static void nothing_answers(const struct side *side)
{
	struct endpoint client = endpoint("198.51.100.1", 4711);
	struct expected expected = expect_no(NO_OPTION);
	struct conn conn;

	if (conn_open(&conn, side, side->trusted, toa_option(KIND, &client))) {
		expect_unknown(conn.fd, TOA_SO_GET_LOOKUP, "a connection");
		expect_unknown(conn.fd, TOA_SO_GET_INFO, "a connection");
		expect_unknown(conn.server.fd, TOA_SO_GET_LOOKUP, "a listener");
		expect_unknown(conn.server.fd, TOA_SO_GET_INFO, "a listener");
		check_name("accept", &conn.name, conn.name_len, side->family, &conn.peer.me,
			   &expected);
	}
	conn_close(&conn);
}

void cases_no_source(void)
{
	static const struct testcase table[] = {
		{ "nothing answers and the peer is the peer", nothing_answers, ON_ALL },
		{ 0 },
	};

	run_cases("no source", table);
}
