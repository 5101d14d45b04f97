// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a connection and the questions about it cost. The numbers mean something
 * beside those of the same kernel without the module; under QEMU's -icount they
 * are instructions.
 */
#include "bench.h"

#include "../../tests/conformance/src/addr.h"
#include "../../tests/conformance/src/namespace.h"
#include "../../tests/conformance/src/peer.h"
#include "../../tests/conformance/src/server.h"
#include "../../toa-core/include/toa.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double ns_since(const struct timespec *start, unsigned long count)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return ((now.tv_sec - start->tv_sec) * 1e9 + (now.tv_nsec - start->tv_nsec)) / count;
}

/* Connect, accept, close both ends; the last pair stays open. */
static int loopback(unsigned long count, double *each)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct linger linger = { .l_onoff = 1 };
	int listener = socket(AF_INET, SOCK_STREAM, 0), client = -1, fd = -1;
	struct timespec start;
	socklen_t len = sizeof(name);

	if (bind(listener, (struct sockaddr *)&name, len) || listen(listener, 64) ||
	    getsockname(listener, (struct sockaddr *)&name, &len))
		return -1;
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (unsigned long i = 0; i < count; i++) {
		if (fd >= 0) {
			setsockopt(client, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
			close(client);
			close(fd);
		}
		client = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(client, (struct sockaddr *)&name, sizeof(name)))
			return -1;
		fd = accept(listener, NULL, NULL);
	}
	*each = ns_since(&start, count);
	return fd;
}

/* Hand-made peers complete the handshake with these options, and reset. */
static bool handmade(unsigned long count, bool with_address, double *each)
{
	struct endpoint client = endpoint("203.0.113.7", 4711);
	struct tcpopts options = with_address ? toa_option(254, &client) : no_options;
	struct sockaddr_storage name;
	struct timespec start;
	struct server server;
	socklen_t len;

	if (!server_open(&server, &sides[SIDE_V4], 64))
		return false;
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (unsigned long i = 0; i < count; i++) {
		struct peer peer;
		int fd;

		peer_init(&peer, address(server.side->trusted), &server.at);
		if (!peer_syn(&peer, no_options))
			return false;
		peer_ack(&peer, options);
		fd = server_accept(&server, &name, &len);
		if (fd < 0)
			return false;
		peer_rst(&peer, no_options);
		close(fd);
	}
	*each = ns_since(&start, count);
	server_close(&server);
	return true;
}

static double ask(int fd, int level, int option, unsigned long count)
{
	struct timespec start;
	struct toa_info info;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (unsigned long i = 0; i < count; i++) {
		socklen_t len = sizeof(info);

		getsockopt(fd, level, option, &info, &len);
	}
	return ns_since(&start, count);
}

static double ask_name(int fd, unsigned long count)
{
	struct timespec start;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (unsigned long i = 0; i < count; i++) {
		struct sockaddr_in name;
		socklen_t len = sizeof(name);

		getpeername(fd, (struct sockaddr *)&name, &len);
	}
	return ns_since(&start, count);
}

int bench(unsigned long count)
{
	/* A call is short: the timer must hit each kind of it equally often. */
	unsigned long calls = count * 20;
	double connection, bare, address;
	int fd;

	namespace_enter();
	fd = loopback(count, &connection);
	if (fd < 0 || !handmade(count, false, &bare) || !handmade(count, true, &address))
		return 1;
	printf("ns: connection=%.0f handmade=%.0f handmade_with_address=%.0f getpeername=%.0f so_type=%.0f toa_info=%.0f\n",
	       connection, bare, address, ask_name(fd, calls),
	       ask(fd, SOL_SOCKET, SO_TYPE, calls),
	       ask(fd, IPPROTO_IP, TOA_SO_GET_INFO, calls));
	return 0;
}
