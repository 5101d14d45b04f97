/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Kernel settings and counters of this network namespace, through /proc. */
#ifndef SYSCTL_H
#define SYSCTL_H

#include <stdbool.h>

/* Mounts /proc where an initramfs has not. */
void proc_ready(void);

/* `name` with slashes, below /proc/sys. */
bool sysctl_has(const char *name);
/* False when there is no such setting here, as on older kernels. */
bool sysctl_set(const char *name, const char *value);
/* A counter of /proc/net/netstat's TcpExt table, -1 when there is none. */
long tcpext_counter(const char *name);

#endif
