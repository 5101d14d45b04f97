/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The caller's buffer: too short, exact, long, beyond a page, and bad pointers. */
#define _GNU_SOURCE
#include "cases.h"
#include "cli.h"
#include "conn.h"
#include "report.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FILL 0x5a
#define LARGEST 8192

/* Past the C library, which may look at the pointers first. */
static int raw_ask(int fd, int name, void *optval, void *optlen)
{
	return syscall(SYS_getsockopt, fd, IPPROTO_IP, name, optval, optlen) ? errno : 0;
}

static size_t size_of(int name)
{
	return name == TOA_SO_GET_LOOKUP ? sizeof(struct toa_nat64_peer) :
					   sizeof(struct toa_info);
}

/* What a caller with this room gets; an older one knows the first version alone. */
static size_t answered(int name, socklen_t size)
{
	if (size >= size_of(name))
		return size_of(name);
	return name == TOA_SO_GET_INFO && size >= TOA_INFO_V1_LEN ? TOA_INFO_V1_LEN : 0;
}

static bool filled(const uint8_t *bytes, size_t from, size_t to)
{
	for (; from < to; from++) {
		if (bytes[from] != FILL)
			return false;
	}
	return true;
}

static void check_size(int fd, int name, socklen_t size, const void *answer)
{
	static uint8_t buffer[LARGEST + 64];
	size_t full = answered(name, size);
	socklen_t len = size;
	int err;

	case_checked();
	memset(buffer, FILL, sizeof(buffer));
	err = ask(fd, name, buffer, &len);
	if (!full) {
		if (!err)
			case_fail("%d with %u bytes: got 0, expected an error", name, size);
		if (len != size)
			case_fail("%d with %u bytes: optlen became %u", name, size, len);
		if (!filled(buffer, 0, sizeof(buffer)))
			case_fail("%d with %u bytes: the buffer was touched", name, size);
		return;
	}
	if (err)
		case_fail("%d with %u bytes: got %s, expected 0", name, size, strerror(err));
	else if (len != full)
		case_fail("%d with %u bytes: got optlen %u, expected %zu", name, size, len, full);
	else if (memcmp(buffer, answer, full))
		case_fail("%d with %u bytes: another answer than with %zu", name, size, full);
	else if (!filled(buffer, full, sizeof(buffer)))
		case_fail("%d with %u bytes: written beyond the answer", name, size);
}

static void check_sizes(int fd, int name)
{
	static const socklen_t sizes[] = { 0, 1, 2, 4, 16, 19, 20, 21, 32, 47, 48, 49, 67, 68, 69,
					   4095, 4096, 4097, LARGEST };
	uint8_t answer[sizeof(struct toa_info)];
	socklen_t len = (socklen_t)size_of(name);

	if (ask(fd, name, answer, &len))
		case_fail("%d: no answer at all", name);
	else
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
			check_size(fd, name, sizes[i], answer);
}

static void sizes(const struct side *side)
{
	struct endpoint a = client_of(side, 1);
	struct conn conn;

	if (conn_open(&conn, side, side->trusted, option_of(&a))) {
		check_sizes(conn.fd, TOA_SO_GET_LOOKUP);
		if (cli_has_info())
			check_sizes(conn.fd, TOA_SO_GET_INFO);
	}
	conn_close(&conn);
}

static void must_fail(int fd, int name, void *optval, void *optlen, const char *what)
{
	case_checked();
	if (!raw_ask(fd, name, optval, optlen))
		case_fail("%d with %s: got 0, expected an error", name, what);
}

static void check_bad_pointers(int fd, int name)
{
	uint8_t buffer[sizeof(struct toa_info)];
	void *nowhere = (void *)16;
	socklen_t len = (socklen_t)size_of(name);
	int negative = -1, lowest = INT_MIN;

	must_fail(fd, name, nowhere, &len, "a bad buffer");
	must_fail(fd, name, buffer, NULL, "no optlen");
	must_fail(fd, name, buffer, nowhere, "a bad optlen");
	memset(buffer, FILL, sizeof(buffer));
	must_fail(fd, name, buffer, &negative, "optlen -1");
	must_fail(fd, name, buffer, &lowest, "the lowest optlen");
	if (!filled(buffer, 0, sizeof(buffer)))
		case_fail("%d with a negative optlen: the buffer was touched", name);
	/*
	 * No buffer at all: newer kernels let a cgroup hook say the length
	 * alone, so both an error and a bare length are right.
	 */
	len = (socklen_t)size_of(name);
	if (!raw_ask(fd, name, NULL, &len) && len != size_of(name))
		case_fail("%d without a buffer: got 0 and optlen %u", name, len);
}

static void bad_pointers(const struct side *side)
{
	struct endpoint a = client_of(side, 1);
	struct expected expected = answer_of(&a);
	struct conn conn;

	if (conn_open(&conn, side, side->trusted, option_of(&a))) {
		check_bad_pointers(conn.fd, TOA_SO_GET_LOOKUP);
		if (cli_has_info())
			check_bad_pointers(conn.fd, TOA_SO_GET_INFO);
		conn_check(&conn, &expected);
	}
	conn_close(&conn);
}

/* The answer's last byte is the last one that is mapped. */
static void at_a_page_end(const struct side *side)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct endpoint a = client_of(side, 1);
	struct conn conn;
	socklen_t len = sizeof(struct toa_nat64_peer);
	int err;

	if (map == MAP_FAILED || munmap(map + page, page) < 0) {
		case_fail("mmap: %s", strerror(errno));
		return;
	}
	if (conn_open(&conn, side, side->trusted, option_of(&a))) {
		case_checked();
		err = ask(conn.fd, TOA_SO_GET_LOOKUP, map + page - len, &len);
		if (err || memcmp(map + page - len, &a.addr, sizeof(a.addr)))
			case_fail("4096 at a page's end: got %s", strerror(err));
	}
	conn_close(&conn);
	munmap(map, page);
}

void cases_buffers(void)
{
	static const struct testcase table[] = {
		{ "every size", sizes, ON_ALL },
		{ "bad pointers and lengths", bad_pointers, ON_ALL },
		{ "a buffer at the end of a page", at_a_page_end, ON_ALL },
		{ 0 },
	};

	run_cases("buffers", table);
}
