/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* In place of libbpf's header of this name. */
#ifndef TOA_HOST_BPF_ENDIAN_H
#define TOA_HOST_BPF_ENDIAN_H

#define bpf_htonl(x)	__builtin_bswap32(x)
#define bpf_ntohl(x)	__builtin_bswap32(x)

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "as the compiled program is");

#endif
