/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Churn: connections come and go in every way, some with an address and some
 * without, so that the kernel reuses socket memory at once. None may ever see
 * another's address.
 */
#include "cases.h"
#include "cli.h"
#include "conn.h"
#include "guest.h"
#include "report.h"
#include "tun.h"

#define PLACES 48 /* connections open at a time */
#define ALIVE_EVERY 500

struct tally {
	unsigned int with, without, invalid, untrusted, aborted, left[LEAVES];
};

struct churn {
	struct server servers[SIDES];
	unsigned int kinds; /* of servers */
	struct guest guests[PLACES];
	struct tally tally;
	uint32_t random;
};

/* Xorshift with a fixed seed: a failure comes again. */
static uint32_t draw(struct churn *churn, uint32_t below)
{
	churn->random ^= churn->random << 13;
	churn->random ^= churn->random >> 17;
	churn->random ^= churn->random << 5;
	return churn->random % below;
}

/* An address that no other connection of the run has, of either family. */
static struct endpoint unique_client(struct churn *churn, unsigned int n)
{
	struct endpoint client =
		endpoint(draw(churn, 2) ? "100.0.0.0" : "2001:db8:c0de::", 0);

	client.addr.s6_addr[13] = (uint8_t)(n >> 16);
	client.addr.s6_addr[14] = (uint8_t)(n >> 8);
	client.addr.s6_addr[15] = (uint8_t)n;
	client.port = (uint16_t)(n * 7919);
	return client;
}

struct visit {
	struct in6_addr from;
	struct tcpopts opts;
	struct expected expected;
};

static struct visit plan(struct churn *churn, const struct side *side, unsigned int n)
{
	static const uint8_t cut_off[] = { 254, 8, 1, 2 };
	struct endpoint client = unique_client(churn, n);
	struct visit visit = { .from = address(side->trusted) };

	switch (draw(churn, 20)) {
	case 0:
		visit.opts = raw_options(cut_off, sizeof(cut_off));
		visit.expected = expect_no(INVALID);
		churn->tally.invalid++;
		break;
	case 1:
	case 2:
		visit.from = address(side->stranger);
		visit.opts = option_of(&client);
		visit.expected = expect_from_stranger(answer_of(&client));
		churn->tally.untrusted++;
		break;
	case 3 ... 10:
		visit.expected = expect_no(NO_OPTION);
		churn->tally.without++;
		break;
	default:
		visit.opts = option_of(&client);
		visit.expected = answer_of(&client);
		churn->tally.with++;
		break;
	}
	return visit;
}

/* A handshake that is never finished, or whose connection nobody sees alive. */
static void come_to_nothing(struct churn *churn, struct server *server, unsigned int n)
{
	struct endpoint client = unique_client(churn, n);
	struct sockaddr_storage name;
	struct guest guest = { .server = server, .fd = -1 };
	socklen_t len;

	peer_init(&guest.peer, address(server->side->trusted), &server->at);
	if (!peer_syn(&guest.peer, option_of(&client)))
		return;
	churn->tally.aborted++;
	if (draw(churn, 2)) {
		peer_ack(&guest.peer, option_of(&client));
		peer_rst(&guest.peer, no_options);
		guest.fd = server_accept(server, &name, &len);
		if (guest.fd >= 0)
			guest_leave(&guest, LEAVE_HOST_RESETS);
	} else {
		peer_rst(&guest.peer, no_options);
	}
}

static void step(struct churn *churn, unsigned int n)
{
	struct guest *guest = &churn->guests[draw(churn, PLACES)];
	struct server *server = &churn->servers[draw(churn, churn->kinds)];
	enum leave how = draw(churn, LEAVES);
	struct visit visit;

	if (guest->fd >= 0) {
		guest_check(guest);
		guest_leave(guest, how);
		churn->tally.left[how]++;
	}
	if (draw(churn, 10) == 0)
		come_to_nothing(churn, server, n);
	visit = plan(churn, server->side, n);
	guest_enter(guest, server, visit.from, visit.opts, &visit.expected);
	if (case_failures()[0])
		case_fail("... in connection %u, %s", n, server->side->name);
}

static void run(struct churn *churn)
{
	const struct tally *tally = &churn->tally;

	for (unsigned int n = 0; n < cli.churn && !case_failures()[0]; n++) {
		if (n % ALIVE_EVERY == 0)
			case_alive();
		step(churn, n);
	}
	for (unsigned int i = 0; i < PLACES; i++) {
		if (churn->guests[i].fd < 0)
			continue;
		guest_check(&churn->guests[i]);
		guest_leave(&churn->guests[i], LEAVE_PEER_RESETS);
	}
	case_note("connections: %u with an address, %u without, %u invalid, %u untrusted, "
		  "%u aborted", tally->with, tally->without, tally->invalid, tally->untrusted,
		  tally->aborted);
	case_note("endings: %u RST by the peer, %u RST by the host, %u FIN by the peer, "
		  "%u FIN by the host", tally->left[LEAVE_PEER_RESETS],
		  tally->left[LEAVE_HOST_RESETS], tally->left[LEAVE_PEER_CLOSES],
		  tally->left[LEAVE_HOST_CLOSES]);
}

static void churn_all(const struct side *unused)
{
	static struct churn churn;
	bool open = true;

	(void)unused;
	churn = (struct churn){ .random = 0x2545f491, .kinds = tun_has_v6() ? SIDES : 1 };
	for (unsigned int i = 0; i < PLACES; i++)
		churn.guests[i].fd = -1;
	for (unsigned int i = 0; i < SIDES; i++)
		churn.servers[i].fd = -1;
	for (unsigned int i = 0; open && i < churn.kinds; i++)
		open = server_open(&churn.servers[i], &sides[i], 64);
	if (open)
		run(&churn);
	for (unsigned int i = 0; i < SIDES; i++)
		server_close(&churn.servers[i]);
}

void cases_churn(void)
{
	static const struct testcase table[] = {
		{ "no connection sees another's address", churn_all, ONCE },
		{ 0 },
	};

	if (cli.churn)
		run_cases("churn", table);
}
