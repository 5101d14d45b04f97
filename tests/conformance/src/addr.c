/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct in6_addr address(const char *text)
{
	struct in6_addr addr;
	char mapped[64];

	if (inet_pton(AF_INET6, text, &addr) == 1)
		return addr;
	snprintf(mapped, sizeof(mapped), "::ffff:%s", text);
	if (inet_pton(AF_INET6, mapped, &addr) == 1)
		return addr;
	fprintf(stderr, "not an address: %s\n", text);
	exit(2);
}

struct endpoint endpoint(const char *text, uint16_t port)
{
	return (struct endpoint){ .addr = address(text), .port = port };
}

bool address_is_v4(const struct in6_addr *addr)
{
	return IN6_IS_ADDR_V4MAPPED(addr);
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port &&
	       memcmp(&a->addr, &b->addr, sizeof(a->addr)) == 0;
}

const char *endpoint_show(const struct endpoint *e)
{
	static char ring[8][INET6_ADDRSTRLEN + 16];
	static unsigned int next;
	char *out = ring[next++ % 8];
	char text[INET6_ADDRSTRLEN];

	if (address_is_v4(&e->addr)) {
		inet_ntop(AF_INET, &e->addr.s6_addr[12], text, sizeof(text));
		snprintf(out, sizeof(ring[0]), "%s:%u", text, e->port);
	} else {
		inet_ntop(AF_INET6, &e->addr, text, sizeof(text));
		snprintf(out, sizeof(ring[0]), "[%s]:%u", text, e->port);
	}
	return out;
}

bool endpoint_from_name(struct endpoint *e, const struct sockaddr_storage *name,
			socklen_t len)
{
	struct sockaddr_in6 six;
	struct sockaddr_in four;

	memset(e, 0, sizeof(*e));
	if (name->ss_family == AF_INET6 && len == sizeof(six)) {
		memcpy(&six, name, sizeof(six));
		e->addr = six.sin6_addr;
		e->port = ntohs(six.sin6_port);
		return true;
	}
	if (name->ss_family == AF_INET && len == sizeof(four)) {
		memcpy(&four, name, sizeof(four));
		e->addr.s6_addr[10] = e->addr.s6_addr[11] = 0xff;
		memcpy(&e->addr.s6_addr[12], &four.sin_addr, 4);
		e->port = ntohs(four.sin_port);
		return true;
	}
	return false;
}

socklen_t endpoint_to_name(const struct endpoint *e, int family,
			   struct sockaddr_storage *name)
{
	memset(name, 0, sizeof(*name));
	if (family == AF_INET) {
		struct sockaddr_in four = { .sin_family = AF_INET,
					    .sin_port = htons(e->port) };

		memcpy(&four.sin_addr, &e->addr.s6_addr[12], 4);
		memcpy(name, &four, sizeof(four));
		return sizeof(four);
	}
	struct sockaddr_in6 six = { .sin6_family = AF_INET6,
				    .sin6_port = htons(e->port),
				    .sin6_addr = e->addr };

	memcpy(name, &six, sizeof(six));
	return sizeof(six);
}
