/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BENCH_H
#define BENCH_H

/* Prints what @count connections and calls cost each, with or without the module; the exit code. */
int bench(unsigned long count);

/* The same with ever more connections with an address open, up to each of @held. */
int bench_scale(unsigned int steps, char **held);

#endif
