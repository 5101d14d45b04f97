/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads the option of the segment that completes a handshake. */
#ifndef TOA_CAPTURE_H
#define TOA_CAPTURE_H

int toa_capture_init(void);
void toa_capture_exit(void);

/* How often the kernel skipped one of the hooks. */
unsigned long toa_capture_missed(void);

#endif
