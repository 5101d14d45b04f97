/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A C server as the balancers' documentation has it: accept, then ask the socket.
 * It knows nothing of this project, and works with any TOA source.
 *
 *	cc -o vendor_pattern vendor_pattern.c && ./vendor_pattern 3000
 *
 * Prints a line per connection and answers it with the same line.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TOA_SO_GET_LOOKUP = 4096 };

struct toa_nat64_peer {
	struct in6_addr saddr;
	uint16_t sport;
};

static void describe(int connfd, char *line, size_t size)
{
	struct toa_nat64_peer peer;
	socklen_t len = sizeof(peer);
	char from[INET6_ADDRSTRLEN];

	if (getsockopt(connfd, IPPROTO_IP, TOA_SO_GET_LOOKUP, &peer, &len) == 0 &&
	    inet_ntop(AF_INET6, &peer.saddr, from, sizeof(from)))
		snprintf(line, size, "real client [%s]:%d\n", from, ntohs(peer.sport));
	else
		snprintf(line, size, "no real client\n");
}

int main(int argc, char **argv)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_ANY),
		.sin_port = htons(argc > 1 ? atoi(argv[1]) : 3000),
	};
	int listenfd = socket(AF_INET, SOCK_STREAM, 0);
	int on = 1;

	setsockopt(listenfd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listenfd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    listen(listenfd, 16)) {
		perror("cannot listen");
		return 1;
	}
	for (;;) {
		char line[128];
		int connfd = accept(listenfd, NULL, NULL);

		if (connfd < 0)
			continue;
		describe(connfd, line, sizeof(line));
		fputs(line, stdout);
		fflush(stdout);
		if (write(connfd, line, strlen(line)) < 0)
			perror("cannot answer");
		close(connfd);
	}
}
