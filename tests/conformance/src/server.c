/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#define _GNU_SOURCE
#include "server.h"

#include "clock.h"
#include "report.h"
#include "tun.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

const struct side sides[SIDES] = {
	[SIDE_V4] = { .name = "AF_INET listener", .family = AF_INET,
		      .trusted = "10.7.0.2", .stranger = "203.0.113.66" },
	[SIDE_DUAL] = { .name = "AF_INET6 listener, IPv4 peer", .family = AF_INET6,
			.trusted = "10.7.0.2", .stranger = "203.0.113.66" },
	[SIDE_V6] = { .name = "AF_INET6 listener, IPv6 peer", .family = AF_INET6, .v6 = true,
		      .trusted = "fd07::2", .stranger = "2001:db8:66::2" },
};

static bool listen_anywhere(struct server *server, int backlog)
{
	struct endpoint any = endpoint(server->side->family == AF_INET ? "0.0.0.0" : "::", 0);
	struct sockaddr_storage name;
	socklen_t len = endpoint_to_name(&any, server->side->family, &name);
	int zero = 0;

	if (server->side->family == AF_INET6)
		setsockopt(server->fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	if (bind(server->fd, (struct sockaddr *)&name, len) < 0 ||
	    listen(server->fd, backlog) < 0)
		return false;
	len = sizeof(name);
	if (getsockname(server->fd, (struct sockaddr *)&name, &len) < 0 ||
	    !endpoint_from_name(&server->at, &name, len))
		return false;
	server->at.addr = address(server->side->v6 ? HOST_V6 : HOST_V4);
	return true;
}

bool server_open(struct server *server, const struct side *side, int backlog)
{
	*server = (struct server){ .side = side };
	server->fd = socket(side->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (server->fd >= 0 && listen_anywhere(server, backlog))
		return true;
	case_fail("cannot listen on an %s: %s", side->name, strerror(errno));
	server_close(server);
	return false;
}

void server_close(struct server *server)
{
	if (server->fd >= 0)
		close(server->fd);
	server->fd = -1;
}

bool server_has_guest(struct server *server, int timeout_ms)
{
	struct pollfd pfd = { .fd = server->fd, .events = POLLIN };

	return poll(&pfd, 1, timeout_ms) == 1;
}

int server_accept(struct server *server, struct sockaddr_storage *name, socklen_t *len)
{
	int fd;

	if (!server_has_guest(server, WAIT_MS)) {
		case_fail("the kernel did not complete the handshake");
		return -1;
	}
	*len = sizeof(*name);
	fd = accept4(server->fd, (struct sockaddr *)name, len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		case_fail("accept: %s", strerror(errno));
	return fd;
}

void server_expect_nobody(struct server *server)
{
	int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);

	case_checked();
	if (fd < 0)
		return;
	case_fail("accept() returned a connection, expected none");
	close(fd);
}

bool read_text(int fd, const char *text)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char buffer[2048];
	size_t want = strlen(text);
	size_t have = 0;
	ssize_t got;

	while (have < want && poll(&pfd, 1, WAIT_MS) == 1) {
		got = read(fd, buffer + have, want - have);
		if (got <= 0)
			break;
		have += (size_t)got;
	}
	if (have == want && !memcmp(buffer, text, want))
		return true;
	case_fail("got %zu bytes of data, expected '%s'", have, text);
	return false;
}
