// SPDX-License-Identifier: GPL-2.0-only
/*
 * Connections for the module to live among, from hand-made peers to real
 * sockets, through the conformance suite's own parts. A peer's port tells what
 * it sent: one port in three sends no option, the others an address made from
 * the port. So whatever a socket answers can be judged by itself, also while
 * the module comes and goes.
 */
#define _GNU_SOURCE
#include "../../tests/conformance/src/addr.h"
#include "../../tests/conformance/src/clock.h"
#include "../../tests/conformance/src/namespace.h"
#include "../../tests/conformance/src/peer.h"
#include "../../tests/conformance/src/report.h"
#include "../../tests/conformance/src/server.h"
#include "../../tests/conformance/src/tun.h"
#include "../../toa-core/include/toa.h"
#include "bench.h"
#include "diagnose.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUND	64	/* handshakes in flight at a time */
#define KEPT	32	/* connections that the acceptor leaves open */

static volatile sig_atomic_t stop;

static void on_signal(int unused)
{
	(void)unused;
	stop = 1;
}

static bool sends_address(uint16_t port)
{
	return port % 3 != 0;
}

static struct endpoint client_for(uint16_t port, bool v6)
{
	struct endpoint client = endpoint(v6 ? "2001:db8:beef::" : "100.64.0.0", port);

	client.addr.s6_addr[14] = (uint8_t)(port >> 8);
	client.addr.s6_addr[15] = (uint8_t)port;
	return client;
}

static struct tcpopts options_for(uint16_t port, bool v6)
{
	struct endpoint client = client_for(port, v6);

	return sends_address(port) ? toa_option(254, &client) : no_options;
}

static void wrong(const char *what, uint16_t port)
{
	fprintf(stderr, "toa-load: port %u: %s\n", port, what);
	exit(1);
}

/* What the socket says of itself must be its own, and be said if @must. */
static void judge(int fd, const struct endpoint *name, bool v6, bool must)
{
	struct endpoint expected = client_for(name->port, v6);
	struct toa_nat64_peer peer;
	struct toa_info info;
	socklen_t len = sizeof(peer), info_len = sizeof(info);
	int rc = getsockopt(fd, IPPROTO_IP, TOA_SO_GET_LOOKUP, &peer, &len);

	if (!rc && !sends_address(name->port))
		wrong("an address though none was sent", name->port);
	if (!rc && (memcmp(peer.saddr, &expected.addr, 16) ||
		    ntohs(peer.sport) != name->port))
		wrong("another connection's address", name->port);
	if (rc && must && sends_address(name->port))
		wrong("no address though one was sent", name->port);
	if (getsockopt(fd, IPPROTO_IP, TOA_SO_GET_INFO, &info, &info_len)) {
		if (must)
			wrong("no information", name->port);
		return;
	}
	if (ntohs(info.peer_port) != name->port && info.peer_port)
		wrong("another peer", name->port);
}

static void leave(int fd, bool reset)
{
	struct linger linger = { .l_onoff = reset };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
}

/* Accepts, asks, keeps some open for a while; ends when the parent does. */
static void acceptor(struct server *servers, bool must)
{
	int kept[SIDES][KEPT], fd;
	unsigned int n = 0;

	memset(kept, -1, sizeof(kept));
	while (getppid() != 1 && !stop) {
		for (unsigned int side = 0; side < SIDES; side++) {
			struct sockaddr_storage name;
			socklen_t len = sizeof(name);
			struct endpoint from;
			int *place = &kept[side][n++ % KEPT];

			fd = accept(servers[side].fd, (struct sockaddr *)&name, &len);
			if (fd < 0) {
				usleep(100);
				continue;
			}
			if (endpoint_from_name(&from, &name, len))
				judge(fd, &from, sides[side].v6, must);
			if (*place >= 0)
				leave(*place, n % 2);
			*place = fd;
		}
	}
	_exit(0);
}

/* The host's FIN is answered, so that no orphan of its waits and tries again. */
static void answer_fin(const struct segment *seg)
{
	struct peer peer = { .me = seg->dst, .host = seg->src, .seq = seg->ack,
			     .ack = seg->seq + 1 };

	if (seg->flags & TCP_FIN)
		peer_rst(&peer, no_options);
}

static void answer_fins(int wait_ms)
{
	struct segment seg;

	while (tun_receive(&seg, wait_ms))
		answer_fin(&seg);
}

/* A round of handshakes: all SYNs, then each SYN-ACK as it comes is answered. */
static unsigned int make_round(struct server *server)
{
	static struct peer peers[ROUND];
	bool v6 = server->side->v6;
	struct segment seg;
	unsigned int done = 0, i;

	for (i = 0; i < ROUND; i++) {
		peer_init(&peers[i], address(server->side->trusted), &server->at);
		peer_send(&peers[i], TCP_SYN, no_options, NULL, 0);
	}
	while (done < ROUND && tun_receive(&seg, 200)) {
		answer_fin(&seg);
		if ((seg.flags & (TCP_SYN | TCP_ACK)) != (TCP_SYN | TCP_ACK))
			continue;
		for (i = 0; i < ROUND; i++)
			if (peers[i].me.port == seg.dst.port && !peers[i].ack)
				break;
		if (i == ROUND)
			continue;
		peers[i].seq++;
		peers[i].ack = seg.seq + 1;
		done++;
		if (i % 8 == 7)
			peer_rst(&peers[i], no_options);
		else
			peer_ack(&peers[i], options_for(peers[i].me.port, v6));
	}
	for (i = 0; i < ROUND; i += 2)
		peer_rst(&peers[i], no_options);
	return done;
}

static unsigned long counter(const char *name)
{
	unsigned long sum = 0, value;
	char line[4096], *at;
	FILE *file = fopen("/proc/net/toa_stats", "r");
	int used;

	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, name, strlen(name)))
			continue;
		at = strchr(line, ':');
		for (at = at ? at + 1 : line; sscanf(at, "%lu%n", &value, &used) == 1; at += used)
			sum += value;
	}
	if (file)
		fclose(file);
	return sum;
}

static void open_servers(struct server *servers)
{
	namespace_enter();
	for (unsigned int i = 0; i < SIDES; i++)
		if (!server_open(&servers[i], &sides[i], 1024))
			exit(1);
}

/* @connections of them, 0: until SIGTERM. */
static int run(unsigned long connections, bool must)
{
	struct server servers[SIDES];
	unsigned long made = 0, tries = 0;
	long start = clock_ms();
	int status;
	pid_t child;

	open_servers(servers);
	child = fork();
	if (!child)
		acceptor(servers, must);
	while (!stop && (!connections || made < connections)) {
		made += make_round(&servers[tries++ % SIDES]);
		if (waitpid(child, &status, WNOHANG) == child)
			return 1;
		answer_fins(0);
	}
	kill(child, SIGTERM);
	waitpid(child, &status, 0);
	for (unsigned int i = 0; i < SIDES; i++)
		server_close(&servers[i]);
	/* Longer than a lost FIN takes to come again. */
	answer_fins(must ? 3000 : 300);
	printf("toa-load: %lu handshakes in %ld ms, seen %lu, with address %lu, entries %lu - %lu, missed %lu, no memory %lu\n",
	       made, clock_ms() - start, counter("syn_recv_sock_toa") + counter("syn_recv_sock_no_toa"),
	       counter("syn_recv_sock_toa"), counter("ip6_address_alloc"),
	       counter("ip6_address_free"), counter("probe_missed"), counter("alloc_failed"));
	if (must && counter("ip6_address_alloc") != counter("ip6_address_free"))
		wrong("entries are left", 0);
	return !WIFEXITED(status) || WEXITSTATUS(status);
}

/* Opens @count connections with an address, says so, closes them on SIGTERM. */
static int hold(unsigned long count)
{
	struct server servers[SIDES];
	int *fds = calloc(count, sizeof(*fds));
	unsigned long n = 0;

	if (!fds)
		return 1;
	open_servers(servers);
	while (n < count) {
		struct server *server = &servers[n % SIDES];
		struct sockaddr_storage name;
		struct peer peer;
		socklen_t len;

		peer_init(&peer, address(server->side->trusted), &server->at);
		if (!sends_address(peer.me.port))
			continue;
		if (!peer_syn(&peer, no_options))
			return 1;
		peer_ack(&peer, options_for(peer.me.port, server->side->v6));
		fds[n] = server_accept(server, &name, &len);
		if (fds[n++] < 0)
			return 1;
	}
	printf("toa-load: %lu open\n", count);
	while (!stop)
		pause();
	for (unsigned long i = 0; i < n; i++)
		leave(fds[i], i % 2);
	printf("toa-load: closed\n");
	return 0;
}

/* What the source says about an unconnected socket: "answers", or the error. */
static int ask(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct toa_info info;
	socklen_t len = sizeof(info);

	if (getsockopt(fd, IPPROTO_IP, TOA_SO_GET_INFO, &info, &len))
		printf("error %d\n", errno);
	else
		printf("answers\n");
	close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	struct rlimit limit = { .rlim_cur = 8192, .rlim_max = 8192 };
	struct sigaction action = { .sa_handler = on_signal };

	setvbuf(stdout, NULL, _IOLBF, 0);
	setrlimit(RLIMIT_NOFILE, &limit);
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (argc == 2 && !strcmp(argv[1], "run"))
		return run(0, false);
	if (argc == 3 && !strcmp(argv[1], "churn"))
		return run(strtoul(argv[2], NULL, 10), true);
	if (argc == 3 && !strcmp(argv[1], "hold"))
		return hold(strtoul(argv[2], NULL, 10));
	if (argc == 3 && !strcmp(argv[1], "bench"))
		return bench(strtoul(argv[2], NULL, 10));
	if (argc >= 3 && !strcmp(argv[1], "scale"))
		return bench_scale((unsigned int)argc - 2, argv + 2);
	if (argc == 2 && !strcmp(argv[1], "ask"))
		return ask();
	if (argc == 2 && !strcmp(argv[1], "diagnose"))
		return diagnose();
	fprintf(stderr, "usage: toa-load run | churn CONNECTIONS | hold CONNECTIONS | bench CONNECTIONS | scale HELD... | ask | diagnose\n");
	return 2;
}
