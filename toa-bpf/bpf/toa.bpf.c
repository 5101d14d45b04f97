// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * The eBPF source of TOA addresses: one object for Linux 5.10 and later.
 *
 * sockops reads the option when a passive open completes and keeps the address
 * in the socket's storage; the other three programs answer from there.
 */
#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>

#include "toa.h"
#include "maps.h"
#include "addr.h"
#include "trust.h"
#include "option.h"

_Static_assert(sizeof(struct toa_nat64_peer) == 20, "the ABI");
_Static_assert(sizeof(struct toa_info) == 48, "the ABI");

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#include "open.h"
#include "answer.h"
#include "name.h"
