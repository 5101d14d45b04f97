/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A thousand connections at once, each with an address of its own. */
#include "cases.h"
#include "conn.h"
#include "guest.h"
#include "report.h"
#include "tun.h"

#include <stdlib.h>

#define GUESTS 1000

static bool enter(struct guest *guest, struct server *server, unsigned int n)
{
	struct endpoint client = client_of(server->side, n);
	struct expected expected = answer_of(&client);

	return guest_enter(guest, server, address(server->side->trusted), option_of(&client),
			   &expected);
}

static void all_at_once(struct guest *guests, struct server *servers, unsigned int kinds)
{
	unsigned int here = 0;

	while (here < GUESTS && enter(&guests[here], &servers[here % kinds], here))
		here++;
	if (case_failures()[0])
		case_fail("... with %u connections open", here);
	for (unsigned int i = 0; i < here && !case_failures()[0]; i++)
		guest_check(&guests[i]);
	for (unsigned int i = 0; i < here; i++)
		guest_leave(&guests[i], LEAVE_PEER_RESETS);
}

static void thousand(const struct side *unused)
{
	unsigned int kinds = tun_has_v6() ? SIDES : 1;
	struct server servers[SIDES];
	struct guest *guests = calloc(GUESTS, sizeof(*guests));
	bool open = guests != NULL;

	(void)unused;
	for (unsigned int i = 0; i < SIDES; i++)
		servers[i].fd = -1;
	for (unsigned int i = 0; open && i < kinds; i++)
		open = server_open(&servers[i], &sides[i], 64);
	if (open)
		all_at_once(guests, servers, kinds);
	for (unsigned int i = 0; i < SIDES; i++)
		server_close(&servers[i]);
	free(guests);
}

void cases_many(void)
{
	static const struct testcase table[] = {
		{ "1000 connections open at once", thousand, ONCE },
		{ 0 },
	};

	run_cases("many", table);
}
