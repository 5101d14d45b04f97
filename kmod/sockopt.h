/* SPDX-License-Identifier: GPL-2.0-only */
/* getsockopt(IPPROTO_IP, 4096 and 4097). */
#ifndef TOA_SOCKOPT_H
#define TOA_SOCKOPT_H

int toa_sockopt_init(void);
void toa_sockopt_exit(void);

#endif
