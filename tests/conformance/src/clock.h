/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef CLOCK_H
#define CLOCK_H

#include <time.h>

/*
 * How long the suite waits for something that must happen. Generous, because
 * an emulated machine is slow; nothing waits this long when all is well.
 */
#define WAIT_MS 8000

/* Monotonic time. */
static inline long clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif
