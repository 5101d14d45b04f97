/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The same socket through another descriptor, process or namespace. */
#include "cases.h"
#include "child.h"
#include "conn.h"
#include "namespace.h"
#include "report.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct shared {
	struct conn conn;
	struct expected expected;
};

static bool share(struct shared *shared, const struct side *side)
{
	struct endpoint a = client_of(side, 1);

	shared->expected = answer_of(&a);
	return conn_open(&shared->conn, side, side->trusted, option_of(&a));
}

static void check_fd(const struct shared *shared, int fd)
{
	check_answers(fd, shared->conn.server.side->family, &shared->conn.peer.me,
		      &shared->expected);
}

static void duplicated(const struct side *side)
{
	struct shared shared;
	int fd;

	if (share(&shared, side)) {
		fd = dup(shared.conn.fd);
		check_fd(&shared, fd);
		/* The socket outlives the descriptor that accept() gave. */
		close(shared.conn.fd);
		shared.conn.fd = fd;
		check_fd(&shared, fd);
	}
	conn_close(&shared.conn);
}

static void ask_inherited(void *arg)
{
	struct shared *shared = arg;

	check_fd(shared, shared->conn.fd);
}

static void forked(const struct side *side)
{
	struct shared shared;

	if (share(&shared, side)) {
		run_in_child(ask_inherited, &shared);
		check_fd(&shared, shared.conn.fd);
	}
	conn_close(&shared.conn);
}

static void ask_in_other_namespace(void *arg)
{
	struct shared *shared = arg;

	if (!namespace_enter_another())
		case_skip("this kernel has no network namespaces");
	else
		check_fd(shared, shared->conn.fd);
}

static void asked_from_elsewhere(const struct side *side)
{
	struct shared shared;

	if (share(&shared, side))
		run_in_child(ask_in_other_namespace, &shared);
	conn_close(&shared.conn);
}

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

static bool send_fd(int via, int fd)
{
	union control control = { 0 };
	char byte = 'x';
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	return sendmsg(via, &msg, 0) == 1;
}

static int receive_fd(int via)
{
	union control control;
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg;
	int fd = -1;

	if (recvmsg(via, &msg, MSG_CMSG_CLOEXEC) == 1 && (cmsg = CMSG_FIRSTHDR(&msg)))
		memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	return fd;
}

/* All descriptors of the sender are closed before the receiver takes its own. */
static void passed(const struct side *side)
{
	struct shared shared;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		case_fail("socketpair: %s", strerror(errno));
		return;
	}
	if (share(&shared, side)) {
		if (!send_fd(pair[0], shared.conn.fd))
			case_fail("SCM_RIGHTS: %s", strerror(errno));
		close(shared.conn.fd);
		shared.conn.fd = receive_fd(pair[1]);
		check_fd(&shared, shared.conn.fd);
	}
	conn_close(&shared.conn);
	close(pair[0]);
	close(pair[1]);
}

static void serve_elsewhere(void *arg)
{
	const struct side *side = arg;
	struct shared shared;

	if (!namespace_enter_another()) {
		case_skip("this kernel has no network namespaces");
		return;
	}
	if (share(&shared, side))
		conn_check(&shared.conn, &shared.expected);
	conn_close(&shared.conn);
}

static void another_namespace(const struct side *side)
{
	run_in_child(serve_elsewhere, (void *)side);
}

void cases_share(void)
{
	static const struct testcase table[] = {
		{ "dup", duplicated, ON_ALL },
		{ "fork", forked, ON_ALL },
		{ "SCM_RIGHTS", passed, ON_ALL },
		{ "asked from another network namespace", asked_from_elsewhere, ON_ALL },
		{ "a server in another network namespace", another_namespace, ON_ALL },
		{ 0 },
	};

	run_cases("sharing", table);
}
