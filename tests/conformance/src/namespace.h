/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef NAMESPACE_H
#define NAMESPACE_H

#include <stdbool.h>

/* A network namespace of our own, with the TUN device in it. */
void namespace_enter(void);
/* The same for a child process; false when the kernel has no namespaces. */
bool namespace_enter_another(void);

#endif
