//! IP packets byte by byte, valid or not, for tests and fuzzers. This module and the
//! translator share no code, so that each can test the other.

use std::net::{IpAddr, SocketAddr};

/// TCP in the IP header.
const TCP: u8 = 6;
const FRAGMENT: u8 = 44;
const FIXED_LEN: usize = 20;
const MORE_FRAGMENTS: u16 = 1;

/// A TCP segment.
#[derive(Clone, Debug)]
pub struct Tcp {
    /// From where.
    pub source: SocketAddr,
    /// To where, of the same family.
    pub destination: SocketAddr,
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledgement number.
    pub acknowledgment: u32,
    /// The flags of the header's 14th byte.
    pub flags: u8,
    /// Window.
    pub window: u16,
    /// Urgent pointer.
    pub urgent: u16,
    /// The data offset in words, if not what the options make it.
    pub offset: Option<u8>,
    /// Options, written as they are: not padded to a multiple of four.
    pub options: Vec<u8>,
    /// Data.
    pub payload: Vec<u8>,
}

impl Tcp {
    /// Without options and data.
    #[must_use]
    pub fn new(source: SocketAddr, destination: SocketAddr, flags: u8) -> Self {
        Self {
            source,
            destination,
            sequence: 0,
            acknowledgment: 0,
            flags,
            window: u16::MAX,
            urgent: 0,
            offset: None,
            options: Vec::new(),
            payload: Vec::new(),
        }
    }

    /// With its checksum.
    #[must_use]
    pub fn segment(&self) -> Vec<u8> {
        let words = (FIXED_LEN + self.options.len()).div_ceil(4) as u8;
        let mut out = Vec::with_capacity(FIXED_LEN + self.options.len() + self.payload.len());
        out.extend(self.source.port().to_be_bytes());
        out.extend(self.destination.port().to_be_bytes());
        out.extend(self.sequence.to_be_bytes());
        out.extend(self.acknowledgment.to_be_bytes());
        out.push(self.offset.unwrap_or(words) << 4);
        out.push(self.flags);
        out.extend(self.window.to_be_bytes());
        out.extend([0, 0]);
        out.extend(self.urgent.to_be_bytes());
        out.extend(&self.options);
        out.extend(&self.payload);
        set_tcp_checksum(self.source.ip(), self.destination.ip(), &mut out);
        out
    }

    /// In a packet without anything special.
    #[must_use]
    pub fn packet(&self) -> Vec<u8> {
        self.packet_with(&Extras::default())
    }

    /// In a packet with these extras.
    #[must_use]
    pub fn packet_with(&self, extras: &Extras) -> Vec<u8> {
        extras.packet(
            self.source.ip(),
            self.destination.ip(),
            TCP,
            &self.segment(),
        )
    }

    /// In two packets, cut near `at`.
    #[must_use]
    pub fn fragments(&self, at: usize, id: u32) -> [Vec<u8>; 2] {
        let segment = self.segment();
        let at = (at & !7).clamp(8, segment.len() & !7);
        let (first, last) = segment.split_at(at);
        [(0, MORE_FRAGMENTS, first), (at, 0, last)].map(|(at, more, part)| {
            let extras = Extras {
                fragment: Some((at as u16 & !7 | more, id)),
                ..Extras::default()
            };
            extras.packet(self.source.ip(), self.destination.ip(), TCP, part)
        })
    }
}

/// What stands between the fixed IP header and the segment.
#[derive(Clone, Debug, Default)]
pub struct Extras {
    /// IPv4 options; a multiple of four bytes, at most 40.
    pub v4_options: Vec<u8>,
    /// IPv6 extension headers: each one's kind, and all of it but the byte that
    /// names the next; a multiple of eight with that.
    pub v6_headers: Vec<(u8, Vec<u8>)>,
    /// Offset in bytes, a multiple of eight; its lowest bit says that more follow. Then
    /// the identification.
    pub fragment: Option<(u16, u32)>,
}

impl Extras {
    /// A packet around `transport`, which is of `protocol`.
    #[must_use]
    pub fn packet(
        &self,
        source: IpAddr,
        destination: IpAddr,
        protocol: u8,
        transport: &[u8],
    ) -> Vec<u8> {
        match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                self.v4(source.octets(), destination.octets(), protocol, transport)
            }
            (source, destination) => {
                self.v6(octets(source), octets(destination), protocol, transport)
            }
        }
    }

    fn v4(&self, source: [u8; 4], destination: [u8; 4], protocol: u8, transport: &[u8]) -> Vec<u8> {
        let header = FIXED_LEN + self.v4_options.len();
        let (at, id) = self.fragment.unwrap_or_default();
        let mut out = vec![0x40 | (header / 4) as u8, 0];
        out.extend(((header + transport.len()) as u16).to_be_bytes());
        out.extend((id as u16).to_be_bytes());
        out.extend((at >> 3 | (at & MORE_FRAGMENTS) << 13).to_be_bytes());
        out.extend([64, protocol, 0, 0]);
        out.extend(source);
        out.extend(destination);
        out.extend(&self.v4_options);
        let sum = checksum(&[&out]);
        out[10..12].copy_from_slice(&sum.to_be_bytes());
        out.extend(transport);
        out
    }

    fn v6(
        &self,
        source: [u8; 16],
        destination: [u8; 16],
        protocol: u8,
        transport: &[u8],
    ) -> Vec<u8> {
        let mut headers = self.v6_headers.clone();
        if let Some((at, id)) = self.fragment {
            let mut header = vec![0];
            header.extend(at.to_be_bytes());
            header.extend(id.to_be_bytes());
            headers.push((FRAGMENT, header));
        }
        let kinds: Vec<u8> = headers
            .iter()
            .map(|(kind, _)| *kind)
            .chain([protocol])
            .collect();
        let between: usize = headers.iter().map(|(_, rest)| 1 + rest.len()).sum();
        let mut out = vec![0x60, 0, 0, 0];
        out.extend(((between + transport.len()) as u16).to_be_bytes());
        out.extend([kinds[0], 64]);
        out.extend(source);
        out.extend(destination);
        for ((_, rest), next) in headers.iter().zip(&kinds[1..]) {
            out.push(*next);
            out.extend(rest);
        }
        out.extend(transport);
        out
    }
}

/// Gives a plain packet, one without IPv6 extension headers, the checksums that
/// its bytes call for, so that a mutated one gets past the first check.
pub fn repair(packet: &mut [u8]) {
    match packet.first().map(|byte| byte >> 4) {
        Some(4) if packet.len() >= FIXED_LEN => {
            let header = usize::from(packet[0] & 15) * 4;
            let Some((ip, tcp)) = packet.split_at_mut_checked(header.max(FIXED_LEN)) else {
                return;
            };
            ip[10..12].fill(0);
            let sum = checksum(&[ip]);
            ip[10..12].copy_from_slice(&sum.to_be_bytes());
            let [source, destination] =
                [12, 16].map(|at| IpAddr::from([ip[at], ip[at + 1], ip[at + 2], ip[at + 3]]));
            set_tcp_checksum(source, destination, tcp);
        }
        Some(6) if packet.len() >= 40 => {
            let (ip, tcp) = packet.split_at_mut(40);
            let [source, destination] = [8, 24].map(|at| {
                let mut address = [0; 16];
                address.copy_from_slice(&ip[at..at + 16]);
                IpAddr::from(address)
            });
            set_tcp_checksum(source, destination, tcp);
        }
        _ => {}
    }
}

fn set_tcp_checksum(source: IpAddr, destination: IpAddr, segment: &mut [u8]) {
    if segment.len() < FIXED_LEN {
        return;
    }
    segment[16..18].fill(0);
    let sum = transport_checksum(source, destination, TCP, segment);
    segment[16..18].copy_from_slice(&sum.to_be_bytes());
}

/// The checksum of a TCP or ICMPv6 message: the value for its checksum field when that
/// is zero, and zero when the field is right.
#[must_use]
pub fn transport_checksum(
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    message: &[u8],
) -> u16 {
    let len = (message.len() as u32).to_be_bytes();
    let protocol = [0, protocol];
    match (source, destination) {
        (IpAddr::V4(s), IpAddr::V4(d)) => {
            checksum(&[&s.octets(), &d.octets(), &protocol, &len, message])
        }
        (s, d) => checksum(&[&octets(s), &octets(d), &protocol, &len, message]),
    }
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

/// The checksum of RFC 1071 over parts of which all but the last have an even length.
#[must_use]
pub fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0u32;
    for part in parts {
        for pair in part.chunks(2) {
            let low = pair.get(1).copied().unwrap_or_default();
            sum += u32::from(u16::from_be_bytes([pair[0], low]));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
