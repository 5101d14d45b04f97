/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Whether programs of others hear a getsockopt call too. No helper tells, so the
 * kernel's own structures are read; the loader resolves the offsets by its BTF.
 */
#ifndef TOA_OTHERS_H
#define TOA_OTHERS_H

#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

/* With more than these on one cgroup and those above it there are others. */
#define TOA_PROGRAMS_MAX	8

/* Set by the loader where it is needed, and BTF and the helper can be had. */
const volatile __u8 toa_sees_others = 0;

/* The fields that are read, wherever the running kernel has them. */
struct bpf_prog_aux {
	char name[16];
};

struct bpf_prog {
	struct bpf_prog_aux *aux;
};

struct bpf_prog_array_item {
	struct bpf_prog *prog;
};

struct bpf_prog_array {
	struct bpf_prog_array_item items[1];
};

struct cgroup_bpf {
	struct bpf_prog_array *effective[1];
};

struct cgroup {
	struct cgroup_bpf bpf;
};

struct sock_cgroup_data {
	__u64 val;
};

struct sock {
	struct sock_cgroup_data sk_cgrp_data;
};

/* Since 5.15 the place in cgroup_bpf.effective; before, that was the attach type. */
enum cgroup_bpf_attach_type {
	CGROUP_GETSOCKOPT = BPF_CGROUP_GETSOCKOPT,
};

#define OFFSET_OF(type, field)	bpf_core_field_offset(((struct type *)0)->field)

static __always_inline __u64 toa_read_word(__u64 at)
{
	__u64 word = 0;

	bpf_probe_read_kernel(&word, sizeof(word), (void *)at);
	return word;
}

/* Where the array of the programs that hear the call begins; 0: not known. */
static __always_inline __u64 toa_programs(struct bpf_sockopt *ctx)
{
	__u64 index = BPF_CGROUP_GETSOCKOPT;
	__u64 sk = 0, cgroup;

	/* The kernel's context begins with the socket. */
	bpf_probe_read_kernel(&sk, sizeof(sk), ctx);
	cgroup = toa_read_word(sk + OFFSET_OF(sock, sk_cgrp_data));
	/* The lowest bits are set where cgroup version 1 uses the word. */
	if (!cgroup || cgroup & 3)
		return 0;
	if (bpf_core_enum_value_exists(enum cgroup_bpf_attach_type, CGROUP_GETSOCKOPT))
		index = bpf_core_enum_value(enum cgroup_bpf_attach_type, CGROUP_GETSOCKOPT);
	return toa_read_word(cgroup + OFFSET_OF(cgroup, bpf.effective) +
			     index * sizeof(__u64));
}

/* Another source of ours does what this one does. */
static __always_inline int toa_is_ours(__u64 program)
{
	static const char ours[16] = "toa_getsockopt";
	__u64 aux = toa_read_word(program + OFFSET_OF(bpf_prog, aux));

	aux += OFFSET_OF(bpf_prog_aux, name);
	return toa_read_word(aux) == *(const __u64 *)ours &&
	       toa_read_word(aux + 8) == *(const __u64 *)(ours + 8);
}

/* Where it cannot be seen, nobody is supposed. */
static __always_inline int toa_others_hear(struct bpf_sockopt *ctx)
{
	__u64 at;

	if (!toa_sees_others)
		return 0;
	at = toa_programs(ctx);
	if (!at)
		return 0;
	at += OFFSET_OF(bpf_prog_array, items);
	for (int i = 0; i < TOA_PROGRAMS_MAX; i++) {
		__u64 program = toa_read_word(at + OFFSET_OF(bpf_prog_array_item, prog));

		if (!program)
			return 0;
		if (!toa_is_ours(program))
			return 1;
		at += bpf_core_type_size(struct bpf_prog_array_item);
	}
	return 1;
}

#endif
