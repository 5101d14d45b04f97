/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "guest.h"

#include "report.h"

#include <unistd.h>

bool guest_enter(struct guest *guest, struct server *server, struct in6_addr from,
		 struct tcpopts opts, const struct expected *expected)
{
	struct sockaddr_storage name;
	socklen_t len;

	*guest = (struct guest){ .server = server, .fd = -1, .expected = *expected };
	peer_init(&guest->peer, from, &server->at);
	if (!peer_syn(&guest->peer, no_options))
		return false;
	peer_ack(&guest->peer, opts);
	guest->fd = server_accept(server, &name, &len);
	if (guest->fd < 0)
		return false;
	check_name("accept", &name, len, server->side->family, &guest->peer.me, expected);
	guest_check(guest);
	return !case_failures()[0];
}

void guest_check(const struct guest *guest)
{
	check_answers(guest->fd, guest->server->side->family, &guest->peer.me, &guest->expected);
}

static void host_resets(int fd)
{
	struct linger at_once = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
}

/* To the end on both sides: the kernel's socket is gone, not in TIME_WAIT. */
static void peer_closes(struct guest *guest)
{
	struct segment seg;

	peer_fin(&guest->peer, no_options);
	close(guest->fd);
	if (peer_wait(&guest->peer, TCP_FIN, &seg)) {
		guest->peer.ack = seg.seq + (uint32_t)seg.len + 1;
		peer_ack(&guest->peer, no_options);
	}
}

void guest_leave(struct guest *guest, enum leave how)
{
	switch (how) {
	case LEAVE_PEER_RESETS:
		peer_rst(&guest->peer, no_options);
		close(guest->fd);
		break;
	case LEAVE_HOST_RESETS:
		host_resets(guest->fd);
		break;
	case LEAVE_PEER_CLOSES:
		peer_closes(guest);
		break;
	default:
		close(guest->fd);
		peer_rst(&guest->peer, no_options);
		break;
	}
	guest->fd = -1;
}
