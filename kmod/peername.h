/* SPDX-License-Identifier: GPL-2.0-only */
/* getpeername() and accept() show the client. */
#ifndef TOA_PEERNAME_H
#define TOA_PEERNAME_H

#include <linux/types.h>

struct sock;
struct toa_answer;

/* Whether they show it on this socket. */
bool toa_peername_shows(const struct sock *sk, const struct toa_answer *answer);

int toa_peername_init(void);
void toa_peername_exit(void);
unsigned long toa_peername_missed(void);

#endif
