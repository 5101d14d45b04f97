/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The timestamp option (RFC 7323) of a hand-made peer. */
#ifndef TIMESTAMPS_H
#define TIMESTAMPS_H

#include "peer.h"

/* What a SYN carries that asks for timestamps. */
struct tcpopts timestamps_syn(void);
/* Two NOPs and the option, with the values that timestamps_answer() fills in. */
struct tcpopts timestamps_option(void);
/* Whether there is a timestamp option among them. */
bool timestamps_in(const struct tcpopts *opts);
/*
 * Makes every timestamp option among these one that answers the peer's SYN-ACK. False
 * with the case failed when the kernel did not negotiate timestamps.
 */
bool timestamps_answer(const struct peer *peer, struct tcpopts *opts);

#endif
