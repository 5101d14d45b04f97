/* SPDX-License-Identifier: GPL-2.0-only */
/* What begins and ends with a network namespace. */
#ifndef TOA_NETNS_H
#define TOA_NETNS_H

int toa_netns_init(void);
void toa_netns_exit(void);

#endif
