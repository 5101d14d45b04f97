// SPDX-License-Identifier: GPL-2.0-only
#include "addr.h"

static const u8 mapped_prefix[12] = {
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff
};

bool toa_addr_is_mapped(const u8 addr[16])
{
	return !memcmp(addr, mapped_prefix, sizeof(mapped_prefix));
}

void toa_addr_map(u8 addr[16], const void *ipv4)
{
	memcpy(addr, mapped_prefix, sizeof(mapped_prefix));
	memcpy(addr + sizeof(mapped_prefix), ipv4, 4);
}
