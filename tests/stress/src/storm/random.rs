//! Random options, header fields and packets, some of them almost right.

use std::net::SocketAddr;

use fastrand::Rng;
use toa_lab::peer::flags;
use toa_lab::raw_packet::{Extras, Tcp};

use super::option;

/// Option kinds that the kernel or a source knows, and their right lengths.
const KINDS: [(u8, u8); 14] = [
    (0, 1),
    (1, 1),
    (2, 4),
    (3, 3),
    (4, 2),
    (5, 10),
    (8, 10),
    (19, 18),
    (28, 4),
    (29, 16),
    (30, 12),
    (34, 6),
    (253, 20),
    (254, 8),
];

/// An option list, a multiple of four bytes; many begin with a right option.
pub(super) fn options(rng: &mut Rng, client: SocketAddr) -> Vec<u8> {
    let len = rng.usize(0..=10) * 4;
    let mut list = Vec::new();
    match rng.u8(0..8) {
        0..=2 => list = option(client),
        3 => list.extend(std::iter::repeat_n(1, rng.usize(1..8))),
        4 => return (0..len).map(|_| rng.u8(..)).collect(),
        5 => return Vec::new(),
        _ => {}
    }
    while list.len() < len {
        list.extend(one_option(rng, client));
    }
    // Sometimes off its alignment, and cut off in the middle of an option.
    if rng.bool() {
        list.insert(0, 1);
    }
    list.truncate(len.max(if rng.bool() { 0 } else { 20 }));
    list.resize(list.len().next_multiple_of(4).min(40), 0);
    list
}

fn one_option(rng: &mut Rng, client: SocketAddr) -> Vec<u8> {
    if rng.u8(0..4) == 0 {
        let mut toa = option(client);
        toa[0] = [254, 253, 200, rng.u8(..)][rng.usize(0..4)];
        if rng.u8(0..4) == 0 {
            toa[1] = rng.u8(..);
        }
        if rng.u8(0..4) == 0 {
            toa[4..].fill([0, 127, 224, 255][rng.usize(0..4)]);
        }
        return toa;
    }
    let (kind, right) = match rng.u8(0..4) {
        0 => (rng.u8(..), rng.u8(2..24)),
        _ => KINDS[rng.usize(0..KINDS.len())],
    };
    if kind < 2 {
        return vec![kind];
    }
    let mut bytes = vec![kind, if rng.u8(0..8) == 0 { rng.u8(..) } else { right }];
    bytes.extend((2..right).map(|_| rng.u8(..)));
    bytes
}

/// Gives one field of a segment a wrong value.
pub(super) fn corrupt_field(rng: &mut Rng, tcp: &mut Tcp) {
    let near = rng.u32(0..70_000).wrapping_sub(2000);
    match rng.u8(0..10) {
        0 => tcp.sequence = tcp.sequence.wrapping_add(near),
        1 => tcp.sequence = rng.u32(..),
        2 => tcp.acknowledgment = tcp.acknowledgment.wrapping_add(near),
        3 => tcp.acknowledgment = rng.u32(..),
        4 => tcp.flags = rng.u8(..),
        5 => tcp.window = rng.u16(..),
        6 => {
            tcp.flags |= 0x20;
            tcp.urgent = rng.u16(..);
        }
        7 => tcp.offset = Some(rng.u8(0..16)),
        8 => tcp.source.set_port(rng.u16(1..)),
        _ => tcp.payload = (0..rng.usize(0..1400)).map(|_| rng.u8(..)).collect(),
    }
}

/// Any flags, the usual ones more often.
pub(super) fn any_flags(rng: &mut Rng) -> u8 {
    const USUAL: [u8; 6] = [
        flags::SYN,
        flags::ACK,
        flags::ACK | flags::PSH,
        flags::ACK | flags::FIN,
        flags::RST,
        flags::SYN | flags::ACK,
    ];
    match rng.bool() {
        true => USUAL[rng.usize(0..USUAL.len())],
        false => rng.u8(..),
    }
}

/// IPv4 options and IPv6 extension headers.
pub(super) fn extras(rng: &mut Rng) -> Extras {
    let mut v4_options: Vec<u8> = match rng.u8(0..4) {
        0 => vec![1; rng.usize(1..=40)],
        // Record route, timestamps, router alert.
        1 => [
            [7, 7, 4, 0, 0, 0, 0, 0],
            [68, 8, 5, 0, 0, 0, 0, 0],
            [148, 4, 0, 0, 0, 0, 0, 0],
        ][rng.usize(0..3)]
        .to_vec(),
        _ => (0..rng.usize(1..=40)).map(|_| rng.u8(..)).collect(),
    };
    v4_options.resize(v4_options.len().next_multiple_of(4).min(40), 0);
    let v6_headers = (0..rng.usize(1..4)).map(|_| v6_header(rng)).collect();
    Extras {
        v4_options,
        v6_headers,
        fragment: (rng.u8(0..8) == 0).then(|| (rng.u16(..), rng.u32(..))),
    }
}

fn v6_header(rng: &mut Rng) -> (u8, Vec<u8>) {
    let kind = [0, 43, 44, 51, 60, 135, 139, rng.u8(..)][rng.usize(0..8)];
    let words = rng.u8(0..4);
    let mut rest = vec![words];
    match rng.u8(0..3) {
        // One padding option that fills it: right for 0 and 60.
        0 => {
            rest.extend([1, words * 8 + 4]);
            rest.resize(usize::from(words) * 8 + 7, 0);
        }
        _ => rest.extend((0..usize::from(words) * 8 + 6).map(|_| rng.u8(..))),
    }
    if rng.u8(0..8) == 0 {
        rest[0] = rng.u8(..);
    }
    (kind, rest)
}

/// Changes up to eight bytes from `first` on.
pub(super) fn mutate(rng: &mut Rng, packet: &mut [u8], first: usize) {
    for _ in 0..rng.usize(1..=8) {
        let at = rng.usize(first..packet.len());
        packet[at] = match rng.u8(0..4) {
            0 => packet[at] ^ 1 << rng.u8(0..8),
            1 => [0, 1, 253, 254, 255][rng.usize(0..5)],
            _ => rng.u8(..),
        };
    }
}

/// Random bytes whose first half byte often is an IP version.
pub(super) fn random_bytes(rng: &mut Rng) -> Vec<u8> {
    let mut packet: Vec<u8> = (0..rng.usize(1..200)).map(|_| rng.u8(..)).collect();
    if rng.u8(0..16) > 0 {
        packet[0] = [0x45, 0x60, 0x46, 0x4f][rng.usize(0..4)];
    }
    packet
}
