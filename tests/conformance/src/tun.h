/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The TUN device behind which all hand-made peers live. */
#ifndef TUN_H
#define TUN_H

#include "packet.h"

/* The host's own addresses on the device. */
#define HOST_V4 "10.99.0.1"
#define HOST_V6 "fd99::1"

/* Opens and configures the device; ends the run when it cannot. */
void tun_open(void);
unsigned int tun_index(void);
/* IPv6 is there and configured. */
bool tun_has_v6(void);

void tun_send(const struct segment *seg);
/* The next TCP segment from the kernel; false after `timeout_ms` without one. */
bool tun_receive(struct segment *seg, int timeout_ms);

/* Drops whatever the kernel has sent and nobody waits for. */
void tun_drain(void);

#endif
