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
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
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

/* Calls of each kind at each step. */
#define SCALE_CALLS	1000

/* Opens connections with an address until @fds has @count of them. */
static bool hold(struct server *server, int *fds, unsigned long *held, unsigned long count)
{
	struct endpoint client = endpoint("203.0.113.7", 4711);

	for (; *held < count; ++*held) {
		/* A peer has 64,000 ports. */
		struct in6_addr from = address(server->side->trusted);
		struct sockaddr_storage name;
		struct peer peer;
		socklen_t len;

		from.s6_addr[14] = (uint8_t)(*held / 60000);
		peer_init(&peer, from, &server->at);
		if (!peer_syn(&peer, no_options))
			return false;
		peer_ack(&peer, toa_option(254, &client));
		fds[*held] = server_accept(server, &name, &len);
		if (fds[*held] < 0)
			return false;
	}
	return true;
}

/* Reads the whole table, and says what a line costs. */
static double read_table(unsigned long held)
{
	static char buffer[1 << 16];
	struct timespec start;
	int fd = open("/proc/net/toa_table", O_RDONLY);

	clock_gettime(CLOCK_MONOTONIC, &start);
	while (fd >= 0 && read(fd, buffer, sizeof(buffer)) > 0)
		;
	close(fd);
	return ns_since(&start, held);
}

/* Over all that are held, so that no chain is looked at more often than another. */
static void ask_held(const int *fds, unsigned long held, double *name, double *info)
{
	*name = *info = 0;
	for (unsigned long i = 0; i < SCALE_CALLS; i++) {
		int fd = fds[i * held / SCALE_CALLS];

		*name += ask_name(fd, 1) / SCALE_CALLS;
		*info += ask(fd, IPPROTO_IP, TOA_SO_GET_INFO, 1) / SCALE_CALLS;
	}
}

int bench_scale(unsigned int steps, char **held)
{
	unsigned long most = strtoul(held[steps - 1], NULL, 10), have = 0;
	struct rlimit limit = { .rlim_cur = most + 1000, .rlim_max = most + 1000 };
	int *fds = calloc(most, sizeof(*fds)), bare_fd;
	struct server server;

	if (setrlimit(RLIMIT_NOFILE, &limit)) {
		perror("RLIMIT_NOFILE, see /proc/sys/fs/nr_open");
		return 1;
	}
	namespace_enter();
	if (!fds || !server_open(&server, &sides[SIDE_V4], 64))
		return 1;
	for (unsigned int i = 0; i < steps; i++) {
		double connection, address, name, info;

		if (!hold(&server, fds, &have, strtoul(held[i], NULL, 10)))
			return 1;
		bare_fd = loopback(SCALE_CALLS, &connection);
		if (bare_fd < 0 || !handmade(SCALE_CALLS, true, &address))
			return 1;
		ask_held(fds, have, &name, &info);
		printf("ns: held=%lu connection=%.0f handmade_with_address=%.0f getpeername_bare=%.0f getpeername_with_address=%.0f toa_info_with_address=%.0f table_line=%.0f\n",
		       have, connection, address, ask_name(bare_fd, 20 * SCALE_CALLS), name,
		       info, read_table(have));
		close(bare_fd);
	}
	return 0;
}
