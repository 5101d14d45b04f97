/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* In place of libbpf's header of this name: the kernel's helpers, played by host.c. */
#ifndef TOA_HOST_BPF_HELPERS_H
#define TOA_HOST_BPF_HELPERS_H

#include <stddef.h>

#include <linux/bpf.h>

#undef __always_inline
#define SEC(name)
#define __always_inline		inline __attribute__((always_inline))
#define __noinline		__attribute__((noinline))
#define __uint(name, val)	int (*name)[val]
#define __type(name, val)	__typeof__(val) *name

void *bpf_map_lookup_elem(void *map, const void *key);
long bpf_map_update_elem(void *map, const void *key, const void *value, __u64 flags);
__u64 bpf_jiffies64(void);
void *bpf_sk_storage_get(void *map, void *sk, const void *value, __u64 flags);
long bpf_probe_read_kernel(void *dst, __u32 size, const void *from);
__u64 bpf_ktime_get_boot_ns(void);
long bpf_sk_storage_delete(void *map, void *sk);
long bpf_sock_ops_cb_flags_set(struct bpf_sock_ops *ctx, int flags);

#endif
