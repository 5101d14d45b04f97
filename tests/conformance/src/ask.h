/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Asking a socket who its client is, and holding the answers to the contract. */
#ifndef ASK_H
#define ASK_H

#include "addr.h"

#include "../../../toa-core/include/toa.h"

enum verdict {
	NO_OPTION, /* nothing that looks like TOA */
	FOREIGN,   /* a known kind, but with a length of no known format */
	INVALID,   /* refused: malformed, or an impossible address or version */
	UNTRUSTED, /* refused: the peer is not in the trusted set */
	IMPLAUSIBLE, /* refused: the list left a balancer no room */
	CLIENT,    /* the option counts */
};

struct expected {
	enum verdict verdict;
	uint8_t kind;
	uint8_t len; /* of the option; 0: any */
	struct endpoint client;
	struct endpoint virtual; /* all zeros: none */
};

struct expected expect_client(uint8_t kind, const struct endpoint *client);
struct expected expect_no(enum verdict verdict);
struct expected expect_foreign(uint8_t kind, uint8_t len);
/* No address either, unless the source was set up to believe such options. */
struct expected expect_implausible(uint8_t kind, const struct endpoint *client);
/* What is left of it when the peer is a stranger. */
struct expected expect_from_stranger(struct expected from_trusted);
const char *expected_show(const struct expected *expected);

/* getsockopt(fd, IPPROTO_IP, name): 0 or the error number. */
int ask(int fd, int name, void *buffer, socklen_t *len);
/* Whether an AF_INET or AF_INET6 socket shows the client as its peer. */
bool shows_client(int family, const struct expected *expected);

/*
 * 4096, 4097 and getpeername() on a connected socket whose TCP peer is
 * `peer`. Each difference fails the case.
 */
void check_answers(int fd, int family, const struct endpoint *peer,
		   const struct expected *expected);
void check_lookup(int fd, const struct expected *expected);
/* A name that getpeername() or accept() gave. */
void check_name(const char *call, const struct sockaddr_storage *name, socklen_t len,
		int family, const struct endpoint *peer, const struct expected *expected);
/* 4096 fails, and with an error number that the contract allows. */
void check_no_lookup(int fd, const char *what);
/* 4097 on a TCP socket that is not connected. */
void check_idle_info(int fd, const char *what);

#endif
