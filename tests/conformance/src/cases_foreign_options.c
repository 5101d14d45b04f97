/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What is not ours stays as the kernel has it. */
#include "cases.h"
#include "conn.h"
#include "report.h"
#include "sysctl.h"
#include "tun.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SOURCES 60 /* enough for an answer larger than a page */
#define FILL 0x5a

static void expect_int(int fd, int level, int name, int expected, const char *what)
{
	int value = ~expected;
	socklen_t len = sizeof(value);

	case_checked();
	if (getsockopt(fd, level, name, &value, &len))
		case_fail("%s: %s", what, strerror(errno));
	else if (value != expected || len != sizeof(value))
		case_fail("%s: got %d and optlen %u, expected %d", what, value, len, expected);
}

static void set_and_get(int fd, int level, int name, int value, const char *what)
{
	if (setsockopt(fd, level, name, &value, sizeof(value)))
		case_fail("setting %s: %s", what, strerror(errno));
	expect_int(fd, level, name, value, what);
}

static void check_tcp_info(int fd, socklen_t size)
{
	static uint8_t buffer[8192];
	socklen_t len = size;

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, buffer, &len))
		case_fail("TCP_INFO with %u bytes: %s", size, strerror(errno));
	else if (len > size || len < 8 || buffer[0] != 1 /* TCP_ESTABLISHED */)
		case_fail("TCP_INFO with %u bytes: got state %u and optlen %u", size, buffer[0],
			  len);
}

/* The default for a peer that names none differs by family and kernel. */
static void check_maxseg(int fd)
{
	int value = 0;
	socklen_t len = sizeof(value);

	if (getsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &value, &len))
		case_fail("TCP_MAXSEG: %s", strerror(errno));
	else if (value < 48 || value > 1460 || len != sizeof(value))
		case_fail("TCP_MAXSEG: got %d and optlen %u", value, len);
}

static void plain_options(const struct side *side)
{
	struct endpoint a = client_of(side, 1);
	struct conn conn;

	if (conn_open(&conn, side, side->trusted, option_of(&a))) {
		set_and_get(conn.fd, IPPROTO_IP, IP_TTL, 77, "IP_TTL");
		set_and_get(conn.fd, IPPROTO_IP, IP_TOS, 0x10, "IP_TOS");
		set_and_get(conn.fd, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
		expect_int(conn.fd, SOL_SOCKET, SO_ERROR, 0, "SO_ERROR");
		expect_int(conn.fd, SOL_SOCKET, SO_TYPE, SOCK_STREAM, "SO_TYPE");
		check_maxseg(conn.fd);
		if (side->family == AF_INET6)
			expect_int(conn.fd, IPPROTO_IPV6, IPV6_V6ONLY, 0, "IPV6_V6ONLY");
		check_tcp_info(conn.fd, 8);
		check_tcp_info(conn.fd, 104);
		check_tcp_info(conn.fd, 8192);
	}
	conn_close(&conn);
}

static void expect_unknown(int fd, int level, int name)
{
	uint8_t buffer[64], before[64];
	socklen_t len = sizeof(buffer);
	int rc;

	case_checked();
	memset(before, FILL, sizeof(before));
	memcpy(buffer, before, sizeof(buffer));
	rc = getsockopt(fd, level, name, buffer, &len);
	if (!rc || errno != ENOPROTOOPT)
		case_fail("level %d name %d: got %s, expected ENOPROTOOPT", level, name,
			  rc ? strerror(errno) : "0");
	if (len != sizeof(buffer) || memcmp(buffer, before, sizeof(buffer)))
		case_fail("level %d name %d: the buffer or optlen was touched", level, name);
}

static void unknown_options(const struct side *side)
{
	struct endpoint a = client_of(side, 1);
	struct conn conn;

	if (conn_open(&conn, side, side->trusted, option_of(&a))) {
		expect_unknown(conn.fd, IPPROTO_IP, 4095);
		expect_unknown(conn.fd, IPPROTO_IP, 4098);
		expect_unknown(conn.fd, IPPROTO_IP, 4096 + 65536);
		expect_unknown(conn.fd, IPPROTO_IP, -4096);
		expect_unknown(conn.fd, SOL_SOCKET, 4096);
		expect_unknown(conn.fd, SOL_SOCKET, 4097);
		expect_unknown(conn.fd, IPPROTO_TCP, 4096);
		expect_unknown(conn.fd, IPPROTO_TCP, 4097);
		if (side->family == AF_INET6)
			expect_unknown(conn.fd, IPPROTO_IPV6, 4096);
	}
	conn_close(&conn);
}

static void setting_is_refused(const struct side *side)
{
	struct endpoint a = client_of(side, 1), b = client_of(side, 2);
	struct expected expected = answer_of(&a);
	struct toa_nat64_peer forged = { .sport = htons(b.port) };
	struct conn conn;

	memcpy(forged.saddr, &b.addr, sizeof(forged.saddr));
	if (conn_open(&conn, side, side->trusted, option_of(&a))) {
		for (int name = TOA_SO_GET_LOOKUP; name <= TOA_SO_GET_INFO; name++) {
			if (!setsockopt(conn.fd, IPPROTO_IP, name, &forged, sizeof(forged)))
				case_fail("setsockopt %d: got 0, expected an error", name);
		}
		conn_check(&conn, &expected);
	}
	conn_close(&conn);
}

static void own_name(const struct side *side)
{
	struct endpoint a = client_of(side, 1);
	struct expected none = expect_no(NO_OPTION);
	struct sockaddr_storage name;
	socklen_t len = sizeof(name);
	struct conn conn;

	if (conn_open(&conn, side, side->trusted, option_of(&a))) {
		if (getsockname(conn.fd, (struct sockaddr *)&name, &len))
			case_fail("getsockname: %s", strerror(errno));
		else
			check_name("getsockname", &name, len, side->family, &conn.server.at,
				   &none);
	}
	conn_close(&conn);
}

static void name_of_source(int family, unsigned int i, struct sockaddr_storage *name)
{
	struct endpoint source = endpoint(family == AF_INET ? "10.1.2.0" : "fd01::", 0);

	source.addr.s6_addr[15] = (uint8_t)(i + 1);
	endpoint_to_name(&source, family, name);
}

/*
 * A multicast filter is an answer that may exceed a page; a cgroup hook on
 * some kernels breaks such answers for every program.
 */
static void large_answer(const struct side *side)
{
	struct endpoint group = endpoint(side->family == AF_INET ? "239.1.2.3" : "ff15::1234", 0);
	int level = side->family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
	socklen_t size = GROUP_FILTER_SIZE(SOURCES);
	struct group_filter *set = calloc(1, size), *got = calloc(1, size);
	struct group_req join = { .gr_interface = tun_index() };
	int fd = socket(side->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = size;

	if (!set || !got || fd < 0) {
		case_fail("no memory or no socket");
		goto out;
	}
	sysctl_set("net/ipv4/igmp_max_msf", "64");
	endpoint_to_name(&group, side->family, &join.gr_group);
	set->gf_interface = tun_index();
	set->gf_group = join.gr_group;
	set->gf_fmode = MCAST_INCLUDE;
	set->gf_numsrc = SOURCES;
	for (unsigned int i = 0; i < SOURCES; i++)
		name_of_source(side->family, i, &set->gf_slist[i]);
	if (setsockopt(fd, level, MCAST_JOIN_GROUP, &join, sizeof(join)) ||
	    setsockopt(fd, level, MCAST_MSFILTER, set, size)) {
		case_absent("this kernel takes no filter of %d sources: %s", SOURCES,
			  strerror(errno));
		goto out;
	}
	case_checked();
	memcpy(got, set, GROUP_FILTER_SIZE(0));
	if (getsockopt(fd, level, MCAST_MSFILTER, got, &len))
		case_fail("MCAST_MSFILTER with %u bytes: %s", size, strerror(errno));
	else if (got->gf_numsrc != SOURCES || len != size ||
		 memcmp(&got->gf_slist[SOURCES - 1], &set->gf_slist[SOURCES - 1],
			sizeof(struct sockaddr_in)))
		case_fail("MCAST_MSFILTER: got %u sources and optlen %u, expected %d and %u",
			  got->gf_numsrc, len, SOURCES, size);
out:
	if (fd >= 0)
		close(fd);
	free(got);
	free(set);
}

void cases_foreign_options(void)
{
	static const struct testcase table[] = {
		{ "ordinary options", plain_options, ON_ALL },
		{ "unknown options stay unknown", unknown_options, ON_ALL },
		{ "the address cannot be set", setting_is_refused, ON_ALL },
		{ "getsockname shows the host", own_name, ON_ALL },
		{ "an answer larger than a page", large_answer, ON_V4 | ON_V6 },
		{ 0 },
	};

	run_cases("other calls", table);
}
