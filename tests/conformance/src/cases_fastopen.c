/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* TCP Fast Open: a SYN with data makes the socket, from whatever address it says. */
#include "cases.h"
#include "conn.h"
#include "report.h"
#include "sysctl.h"

#include <string.h>

#define SETTING "net/ipv4/tcp_fastopen"
/* For every listener, without asking for a cookie. */
#define WITHOUT_COOKIE "1538"
#define DEFAULT "1"

/* Its sender has not shown yet that it receives anything at its address. */
static void syn_with_data(const struct side *side)
{
	static const char data[] = "hello";
	struct endpoint a = client_of(side, 1), b = client_of(side, 2);
	struct expected none = expect_no(NO_OPTION);
	struct segment seg;
	struct conn conn;

	if (!sysctl_set(SETTING, WITHOUT_COOKIE)) {
		case_absent("this kernel has no Fast Open setting per namespace");
		return;
	}
	if (conn_prepare(&conn, side, side->trusted)) {
		peer_send(&conn.peer, TCP_SYN, option_of(&a), data, strlen(data));
		if (!peer_wait(&conn.peer, TCP_SYN | TCP_ACK, &seg)) {
			case_fail("no SYN-ACK from the kernel");
		} else {
			conn.peer.ack = seg.seq + 1;
			conn.peer.seq = seg.ack;
			if (conn_accept(&conn) && read_text(conn.fd, data))
				conn_check(&conn, &none);
			peer_ack(&conn.peer, option_of(&b));
			peer_data(&conn.peer, no_options, data);
			if (conn.fd >= 0 && read_text(conn.fd, data))
				conn_check(&conn, &none);
		}
	}
	conn_close(&conn);
	sysctl_set(SETTING, DEFAULT);
}

void cases_fastopen(void)
{
	static const struct testcase table[] = {
		{ "a SYN with data and an option has none", syn_with_data, ON_ALL },
		{ 0 },
	};

	run_cases("Fast Open", table);
}
