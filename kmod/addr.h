/* SPDX-License-Identifier: GPL-2.0-only */
/* Addresses: 16 bytes in network order, IPv4 as ::ffff:a.b.c.d. */
#ifndef TOA_ADDR_H
#define TOA_ADDR_H

#include "portable.h"

/* ::ffff:0:0/96 */
bool toa_addr_is_mapped(const u8 addr[16]);
void toa_addr_map(u8 addr[16], const void *ipv4);

#endif
