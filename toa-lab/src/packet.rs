//! Packets as bytes: incoming ones are checked completely, outgoing ones are valid.

use std::net::{IpAddr, SocketAddr};

use etherparse::checksum::Sum16BitWords;
use etherparse::{IpNumber, IpSlice, Ipv4Header, Ipv6Header, TcpSlice};

use crate::stats::DropReason;

/// Length of a TCP header without options.
pub(crate) const TCP_FIXED_LEN: usize = 20;
/// Longest TCP option list (the data offset counts to 15 words).
pub(crate) const TCP_MAX_OPTIONS_LEN: usize = 40;

/// A packet that a translator handles.
#[derive(Debug)]
pub(crate) enum Parsed<'a> {
    Tcp(Segment<'a>),
    Echo(Echo<'a>),
}

/// A TCP segment whose lengths and checksums are right.
#[derive(Clone, Debug)]
pub(crate) struct Segment<'a> {
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    pub(crate) hop_limit: u8,
    pub(crate) traffic_class: u8,
    pub(crate) tcp: TcpSlice<'a>,
}

/// An ICMP or ICMPv6 echo request; `rest` is what follows the checksum.
#[derive(Clone, Debug)]
pub(crate) struct Echo<'a> {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) rest: &'a [u8],
}

/// Reads one IP packet. Total: any input gives an answer.
pub(crate) fn parse(packet: &[u8]) -> Result<Parsed<'_>, DropReason> {
    let ip = IpSlice::from_slice(packet).map_err(|_| DropReason::Malformed)?;
    if ip.is_fragmenting_payload() {
        return Err(DropReason::Fragment);
    }
    let (protocol, hop_limit, traffic_class) = match &ip {
        IpSlice::Ipv4(v4) => {
            let header = v4.header();
            if sum([header.slice()]) != 0 {
                return Err(DropReason::BadChecksum);
            }
            (header.protocol(), header.ttl(), header.slice()[1])
        }
        IpSlice::Ipv6(v6) => {
            let header = v6.header();
            (
                header.next_header(),
                header.hop_limit(),
                header.traffic_class(),
            )
        }
    };
    let (source, destination) = (ip.source_addr(), ip.destination_addr());
    let payload = ip.payload().payload;
    match (protocol, source) {
        (IpNumber::TCP, _) => {
            let tcp = TcpSlice::from_slice(payload).map_err(|_| DropReason::Malformed)?;
            if transport_checksum(source, destination, IpNumber::TCP, payload) != 0 {
                return Err(DropReason::BadChecksum);
            }
            Ok(Parsed::Tcp(Segment {
                source: SocketAddr::new(source, tcp.source_port()),
                destination: SocketAddr::new(destination, tcp.destination_port()),
                hop_limit,
                traffic_class,
                tcp,
            }))
        }
        (IpNumber::ICMP, IpAddr::V4(_)) => match payload {
            [8, 0, _, _, rest @ ..] if sum([payload]) == 0 => Ok(Parsed::Echo(Echo {
                source,
                destination,
                rest,
            })),
            _ => Err(DropReason::Icmp),
        },
        (IpNumber::IPV6_ICMP, IpAddr::V6(_)) => match payload {
            [128, 0, _, _, rest @ ..]
                if transport_checksum(source, destination, protocol, payload) == 0 =>
            {
                Ok(Parsed::Echo(Echo {
                    source,
                    destination,
                    rest,
                }))
            }
            _ => Err(DropReason::Icmp),
        },
        _ => Err(DropReason::NotTcp),
    }
}

/// A TCP segment to be written. Ports, data offset and checksum of `fixed`
/// are overwritten, everything else in it is sent unchanged.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing<'a> {
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    pub(crate) hop_limit: u8,
    pub(crate) traffic_class: u8,
    pub(crate) fixed: [u8; TCP_FIXED_LEN],
    /// Two parts of one option list, together at most 40 bytes and a multiple of four.
    pub(crate) options: [&'a [u8]; 2],
    pub(crate) payload: &'a [u8],
}

impl Outgoing<'_> {
    /// The length of the whole IP packet.
    pub(crate) fn len(&self) -> usize {
        ip_header_len(self.destination.ip()) + self.tcp_len()
    }

    fn options_len(&self) -> usize {
        self.options[0].len() + self.options[1].len()
    }

    fn tcp_len(&self) -> usize {
        TCP_FIXED_LEN + self.options_len() + self.payload.len()
    }

    /// Replaces `out` with the packet. False when there is no such packet: the option
    /// list or the packet is too long, or the families differ.
    pub(crate) fn write(&self, out: &mut Vec<u8>) -> bool {
        let options = self.options_len();
        if options > TCP_MAX_OPTIONS_LEN || !options.is_multiple_of(4) {
            return false;
        }
        let mut fixed = self.fixed;
        fixed[0..2].copy_from_slice(&self.source.port().to_be_bytes());
        fixed[2..4].copy_from_slice(&self.destination.port().to_be_bytes());
        let words = (TCP_FIXED_LEN + options) / 4;
        fixed[12] = fixed[12] & 0x0f | (words as u8) << 4;
        fixed[16..18].fill(0);

        let (source, destination) = (self.source.ip(), self.destination.ip());
        let class = self.traffic_class;
        if !begin_ip(
            out,
            source,
            destination,
            self.hop_limit,
            class,
            IpNumber::TCP,
            self.tcp_len(),
        ) {
            return false;
        }
        let start = out.len();
        for part in [&fixed[..], self.options[0], self.options[1], self.payload] {
            out.extend_from_slice(part);
        }
        let checksum = transport_checksum(source, destination, IpNumber::TCP, &out[start..]);
        out[start + 16..start + 18].copy_from_slice(&checksum.to_be_bytes());
        true
    }
}

/// Replaces `out` with an ICMP (or ICMPv6, by family) message.
pub(crate) fn write_icmp(
    out: &mut Vec<u8>,
    source: IpAddr,
    destination: IpAddr,
    kind: u8,
    code: u8,
    rest: [&[u8]; 2],
) -> bool {
    let protocol = if source.is_ipv4() {
        IpNumber::ICMP
    } else {
        IpNumber::IPV6_ICMP
    };
    let len = 4 + rest[0].len() + rest[1].len();
    if !begin_ip(out, source, destination, 64, 0, protocol, len) {
        return false;
    }
    let start = out.len();
    out.extend_from_slice(&[kind, code, 0, 0]);
    out.extend_from_slice(rest[0]);
    out.extend_from_slice(rest[1]);
    let checksum = match source {
        IpAddr::V4(_) => sum([&out[start..]]),
        IpAddr::V6(_) => transport_checksum(source, destination, protocol, &out[start..]),
    };
    out[start + 2..start + 4].copy_from_slice(&checksum.to_be_bytes());
    true
}

/// Length of the IP header we write for this family.
pub(crate) fn ip_header_len(address: IpAddr) -> usize {
    if address.is_ipv4() {
        Ipv4Header::MIN_LEN
    } else {
        Ipv6Header::LEN
    }
}

fn begin_ip(
    out: &mut Vec<u8>,
    source: IpAddr,
    destination: IpAddr,
    hop_limit: u8,
    traffic_class: u8,
    protocol: IpNumber,
    payload_len: usize,
) -> bool {
    out.clear();
    let Ok(payload_length) = u16::try_from(payload_len) else {
        return false;
    };
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let new = Ipv4Header::new(
                payload_length,
                hop_limit,
                protocol,
                source.octets(),
                destination.octets(),
            );
            let Ok(header) = new else { return false };
            let mut bytes = header.to_bytes();
            bytes[1] = traffic_class;
            bytes[10..12].fill(0);
            let checksum = sum([&bytes[..]]);
            bytes[10..12].copy_from_slice(&checksum.to_be_bytes());
            out.extend_from_slice(&bytes);
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let header = Ipv6Header {
                traffic_class,
                payload_length,
                next_header: protocol,
                hop_limit,
                source: source.octets(),
                destination: destination.octets(),
                ..Default::default()
            };
            out.extend_from_slice(&header.to_bytes());
        }
        _ => return false,
    }
    true
}

/// The checksum of `bytes` under the pseudo header: to be written when their
/// checksum field is zero, and zero when the field is right.
fn transport_checksum(
    source: IpAddr,
    destination: IpAddr,
    protocol: IpNumber,
    bytes: &[u8],
) -> u16 {
    let len = (bytes.len() as u32).to_be_bytes();
    let tail = [0, protocol.0];
    match (source, destination) {
        (IpAddr::V4(s), IpAddr::V4(d)) => sum([&s.octets(), &d.octets(), &len, &tail, bytes]),
        (IpAddr::V6(s), IpAddr::V6(d)) => sum([&s.octets(), &d.octets(), &len, &tail, bytes]),
        _ => 0,
    }
}

fn sum<const N: usize>(parts: [&[u8]; N]) -> u16 {
    // Only the last part may have an odd length, and callers put the data there.
    let sum = parts
        .iter()
        .fold(Sum16BitWords::new(), |sum, part| sum.add_slice(part));
    sum.ones_complement().to_be()
}
