/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Malformed option lists. Kernels from 6.7 on, when built with TCP-MD5 or
 * TCP-AO, look for an authentication option before anything else
 * (tcp_do_parse_auth_options) and drop a segment whose list does not parse, so
 * no source ever sees it; the client's next segment completes the handshake.
 */
#ifndef MALFORMED_H
#define MALFORMED_H

#include "tcpopt.h"

/* An option in the list is shorter than its own header or overruns the list. */
bool list_is_malformed(const struct tcpopts *opts);
/* Tried once, with a list that no source cares for. */
bool kernel_drops_malformed(void);

#endif
