/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What the observer tells, in the order of the loader's src/loader/watch/event.rs. */
#ifndef TOA_WATCH_H
#define TOA_WATCH_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "addr.h"

enum toa_watch_what {
	TOA_WATCH_OPENED = 1,
	TOA_WATCH_SYN,		/* an option in a SYN, where no source reads it */
	TOA_WATCH_LATE,		/* the same in a segment of an open connection */
};

struct toa_event {
	__u64  at;		/* nanoseconds since boot */
	__u32  local[4];	/* IPv4 as mapped; network order */
	__u32  peer[4];
	__u32  client[4];
	__u32  virtual[4];	/* that the client asked for, with TOA_INFO_HAS_VIRTUAL */
	__be16 local_port;
	__be16 peer_port;
	__be16 client_port;
	__be16 virtual_port;
	__u32  flags;		/* those of toa_conn; 0: no option was found */
	__u32  source;		/* toa_watch_source */
	__u8   what;
	__u8   kind;		/* of the option, 0: not known */
	__u8   len;
	__u8   has_data;	/* with TOA_WATCH_LATE: the segment has more than an option */
	__u32  zero;
};
_Static_assert(sizeof(struct toa_event) == 96, "mirrored in Rust");

/* An option that is no standard one, in a segment that no source has judged yet. */
struct toa_seen {
	__u32  peer;		/* the last word of its address */
	__be16 peer_port;
	__u8   kind;
	__u8   len;
};

/* What is remembered of the last segments on this CPU. */
struct toa_watch_cpu {
	__u64 opened;		/* the cookie of the socket that was told last */
	__u64 syn;		/* sequence number and ports of the SYN that was */
	__u64 lost;		/* events that found no room */
	struct toa_seen seen;
};
_Static_assert(sizeof(struct toa_watch_cpu) == 32, "mirrored in Rust");

/*
 * The loader lets the observers of all sources share these. They are attached to the
 * cgroups of several sources, which may lie in each other: the programs of the closest
 * one run first, one directly behind the other, and what it has told is told once.
 */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} toa_events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct toa_watch_cpu);
} toa_watch_cpus SEC(".maps");

/* Connections that opened without an option, and whether one was told since. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u32);
} toa_watch_late SEC(".maps");

/* Which source the observer stands beside; the loader sets it. */
const volatile __u32 toa_watch_source = 0;

static __always_inline struct toa_watch_cpu *toa_watch_cpu(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&toa_watch_cpus, &zero);
}

static __always_inline void toa_watch_tell(struct toa_watch_cpu *cpu,
					   struct toa_event *event)
{
	event->at = bpf_ktime_get_boot_ns();
	event->source = toa_watch_source;
	if (bpf_ringbuf_output(&toa_events, event, sizeof(*event), 0))
		cpu->lost += 1;
}

#endif
