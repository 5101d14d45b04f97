// SPDX-License-Identifier: GPL-2.0-only
/* Connections whose options give no address, and what the module says of them. */
#include "diagnose.h"

#include "../../tests/conformance/src/addr.h"
#include "../../tests/conformance/src/namespace.h"
#include "../../tests/conformance/src/peer.h"
#include "../../tests/conformance/src/server.h"

#include <stdio.h>
#include <unistd.h>

/* More networks than the module has room for. */
#define NETWORKS	40

#define BYTES(...)	(const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })

static bool connect_from(struct server *server, struct in6_addr from, struct tcpopts options)
{
	struct sockaddr_storage name;
	struct peer peer;
	socklen_t len;
	int fd;

	peer_init(&peer, from, &server->at);
	if (!peer_syn(&peer, no_options))
		return false;
	peer_ack(&peer, options);
	fd = server_accept(server, &name, &len);
	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static bool print_file(const char *path)
{
	char line[512];
	FILE *file = fopen(path, "r");

	if (!file)
		return false;
	while (fgets(line, sizeof(line), file))
		fputs(line, stdout);
	fclose(file);
	return true;
}

static bool print_files(void)
{
	return print_file("/proc/net/toa_stats") && print_file("/proc/net/toa_unread") &&
	       print_file("/proc/net/toa_recent");
}

int diagnose(void)
{
	struct endpoint client = endpoint("203.0.113.7", 4711);
	struct endpoint loopback = endpoint("127.0.0.1", 4711);
	struct in6_addr trusted, trusted_v6, stranger;
	struct server server, server_v6;

	namespace_enter();
	if (!server_open(&server, &sides[SIDE_V4], 64) ||
	    !server_open(&server_v6, &sides[SIDE_V6], 64))
		return 1;
	trusted = address(sides[SIDE_V4].trusted);
	trusted_v6 = address(sides[SIDE_V6].trusted);
	stranger = address(sides[SIDE_V4].stranger);
	for (int i = 0; i < 3; i++) {
		/* Three peers of one network. */
		stranger.s6_addr[15]++;
		trusted_v6.s6_addr[15]++;
		if (!connect_from(&server, trusted, no_options) ||
		    !connect_from(&server, trusted, toa_option(254, &client)) ||
		    !connect_from(&server, stranger, toa_option(254, &client)) ||
		    !connect_from(&server, trusted, toa_option(99, &client)) ||
		    !connect_from(&server_v6, trusted_v6, raw_options(BYTES(254, 6, 1, 2, 3, 4))))
			return 1;
	}
	if (!connect_from(&server, trusted, toa_option(253, &loopback)) ||
	    !connect_from(&server, trusted, raw_options(BYTES(200, 2, 254, 30))) ||
	    !connect_from(&server, trusted,
			  join_options(toa_option(254, &client),
				       raw_options(BYTES(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
							 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
							 1, 1, 1, 1)))))
		return 1;
	if (!print_files())
		return 1;
	for (uint8_t i = 0; i < NETWORKS; i++) {
		struct in6_addr from = stranger;

		from.s6_addr[14] = i;
		if (!connect_from(&server, from, toa_option(254, &client)))
			return 1;
	}
	printf("after %d networks\n", NETWORKS);
	return !print_files();
}
