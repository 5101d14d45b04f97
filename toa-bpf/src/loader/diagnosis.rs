//! The layouts of `bpf/recent.h`.
#![expect(
    unsafe_code,
    reason = "aya's marker for plain old data is an unsafe trait"
)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use aya::Pod;
use ipnet::IpNet;

use crate::{Recent, Unread, UnreadReason};

const SLOTS: u64 = 16;
const OUTCOMES: usize = 8;
/// As long as the slots last where the kernel's clock ticks slowest, so that they grow old
/// also where no connection comes any more.
const MAX_AGE: u64 = 2_700_000_000_000;

/// `struct toa_slot`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RawSlot {
    number: u64,
    start: u64,
    counts: [u64; OUTCOMES],
}
const _: () = assert!(size_of::<RawSlot>() == 80);

// SAFETY: repr(C) without padding, and any bytes are a valid value.
unsafe impl Pod for RawSlot {}

/// `struct toa_unread_key`
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RawKey {
    reason: u8,
    kind: u8,
    len: u8,
    is_ipv4: u8,
    net: [u8; 8],
}
const _: () = assert!(size_of::<RawKey>() == 12);

// SAFETY: repr(C) without padding, and any bytes are a valid value.
unsafe impl Pod for RawKey {}

/// `struct toa_unread_value`
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(super) struct RawValue {
    count: u64,
    peer: [u8; 8],
    seen: u64,
}
const _: () = assert!(size_of::<RawValue>() == 24);

// SAFETY: repr(C) without padding, and any bytes are a valid value.
unsafe impl Pod for RawValue {}

/// Adds up the slots of all CPUs. A slot that its CPU has not taken over holds an older time.
/// `now` and the slots count from boot, `unix` makes seconds since 1970 of that.
pub(super) fn recent(
    slots: impl Iterator<Item = RawSlot> + Clone,
    now: u64,
    unix: impl Fn(u64) -> u64,
) -> Recent {
    let newest = slots.clone().map(|slot| slot.number).max().unwrap_or(0);
    let (mut since, mut sums) = (None, [0; OUTCOMES]);
    for slot in slots {
        let is_of_now = slot.number + SLOTS > newest && slot.start + MAX_AGE > now;
        if slot.start == 0 || !is_of_now {
            continue;
        }
        since = Some(since.map_or(slot.start, |since: u64| since.min(slot.start)));
        for (sum, count) in sums.iter_mut().zip(slot.counts) {
            *sum += count;
        }
    }
    let [
        toa,
        not_sent,
        foreign,
        untrusted,
        invalid,
        implausible,
        lost,
        late,
    ] = sums;
    Recent {
        since: since.map(unix),
        toa,
        not_sent,
        foreign,
        untrusted,
        invalid,
        implausible,
        lost,
        late,
    }
}

/// The User Timeout Option (RFC 5482) shares its kind with the format `cip`.
const USER_TIMEOUT: (u8, u8) = (28, 4);

/// `None` for what is no address in any format, and a reason that this version does not know.
pub(super) fn unread(key: RawKey, value: RawValue, unix: impl Fn(u64) -> u64) -> Option<Unread> {
    let reason = match key.reason {
        2 => UnreadReason::Foreign,
        3 => UnreadReason::Untrusted,
        4 => UnreadReason::Invalid,
        5 => UnreadReason::Implausible,
        7 => UnreadReason::Late,
        8 if (key.kind, key.len) != USER_TIMEOUT => UnreadReason::UnknownKind,
        _ => return None,
    };
    let first = |bytes: [u8; 8]| [bytes[0], bytes[1], bytes[2], bytes[3]];
    let (net, prefix, last_peer): (IpAddr, u8, IpAddr) = if key.is_ipv4 != 0 {
        let net = Ipv4Addr::from(first(key.net)).into();
        (net, 24, Ipv4Addr::from(first(value.peer)).into())
    } else {
        let [high, low] = [key.net, value.peer].map(|half| u128::from(u64::from_be_bytes(half)));
        let [net, peer] = [high << 64, high << 64 | low].map(Ipv6Addr::from_bits);
        (net.into(), 64, peer.into())
    };
    Some(Unread {
        reason,
        kind: key.kind,
        length: key.len,
        network: IpNet::new(net, prefix).ok()?,
        count: value.count,
        last_seen: unix(value.seen),
        last_peer,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn slot(number: u64, start: u64, toa: u64) -> RawSlot {
        let mut slot = RawSlot {
            number,
            start: start * SECOND,
            ..RawSlot::default()
        };
        slot.counts[0] = toa;
        slot
    }

    fn seen(slots: &[RawSlot], now: u64) -> (Option<u64>, u64) {
        let unix = |ns| ns / SECOND;
        let recent = recent(slots.iter().copied(), now * SECOND, unix);
        (recent.since, recent.toa)
    }

    #[test]
    fn slots_of_all_cpus_that_are_of_the_last_minutes_are_added_up() {
        let empty = RawSlot::default();
        for (slots, expected) in [
            (&[][..], (None, 0)),
            (&[empty, empty], (None, 0)),
            (&[slot(100, 5_000, 3), empty], (Some(5_000), 3)),
            (&[slot(100, 5_000, 3), slot(99, 4_990, 4)], (Some(4_990), 7)),
            (&[slot(100, 5_000, 3), slot(85, 4_000, 4)], (Some(4_000), 7)),
            // Another CPU has not had a connection since.
            (&[slot(100, 5_000, 3), slot(84, 4_000, 4)], (Some(5_000), 3)),
        ] {
            assert_eq!(seen(slots, 5_010), expected, "{slots:?}");
        }
    }

    #[test]
    fn what_is_long_over_is_not_recent_though_nothing_came_since() {
        let slots = [slot(100, 5_000, 3)];
        assert_eq!(seen(&slots, 5_000 + 2_699), (Some(5_000), 3));
        assert_eq!(seen(&slots, 5_000 + 2_700), (None, 0));
    }

    #[test]
    fn networks_and_peers_of_both_families_are_read() {
        let value = |peer| RawValue {
            count: 2,
            peer,
            seen: 7 * SECOND,
        };
        let key = |is_ipv4, net, reason| RawKey {
            reason,
            kind: 254,
            len: 16,
            is_ipv4,
            net,
        };
        for (key, value, network, peer) in [
            (
                key(1, [203, 0, 113, 0, 0, 0, 0, 0], 2),
                value([203, 0, 113, 9, 0, 0, 0, 0]),
                "203.0.113.0/24",
                "203.0.113.9",
            ),
            (
                key(0, [0x20, 1, 0xd, 0xb8, 0, 0, 0, 5], 8),
                value([0, 0, 0, 0, 0, 0, 0, 9]),
                "2001:db8:0:5::/64",
                "2001:db8:0:5::9",
            ),
        ] {
            let read = unread(key, value, |ns| ns / SECOND).unwrap();
            assert_eq!(read.network.to_string(), network);
            assert_eq!(read.last_peer.to_string(), peer);
            assert_eq!((read.kind, read.length), (254, 16));
            assert_eq!((read.count, read.last_seen), (2, 7));
        }
        let nonsense = unread(key(1, [0; 8], 9), value([0; 8]), |ns| ns);
        assert_eq!(nonsense, None);
    }
}
