/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Addresses with ports. Every address is an in6_addr, IPv4 in mapped form. */
#ifndef ADDR_H
#define ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct endpoint {
	struct in6_addr addr;
	uint16_t port; /* host order */
};

/* From text that the suite itself wrote; bad text ends the run. */
struct in6_addr address(const char *text);
struct endpoint endpoint(const char *text, uint16_t port);

bool address_is_v4(const struct in6_addr *addr);
bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);
/* Into one of a few rotating static buffers, good for one message. */
const char *endpoint_show(const struct endpoint *e);

/* A socket's name as the kernel gave it; false when family or length is odd. */
bool endpoint_from_name(struct endpoint *e, const struct sockaddr_storage *name,
			socklen_t len);
/* The name of `e` for a socket of this family; returns its length. */
socklen_t endpoint_to_name(const struct endpoint *e, int family,
			   struct sockaddr_storage *name);

#endif
