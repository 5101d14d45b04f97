//! The packets that a balancer itself sends, as a host or a router does. Each
//! function returns false when the packet cannot be made.

use crate::packet::{Echo, Outgoing, Segment, TCP_FIXED_LEN, write_icmp};

const RST: u8 = 0x04;
const ACK: u8 = 0x10;
/// So that the whole message is no longer than all IPv4 hosts must take (RFC 1812,
/// section 4.3.2.3).
const QUOTE_LEN: usize = 548;

/// An echo reply.
pub(crate) fn echo(echo: &Echo<'_>, out: &mut Vec<u8>) -> bool {
    let kind = if echo.source.is_ipv4() { 0 } else { 129 };
    write_icmp(
        out,
        echo.destination,
        echo.source,
        kind,
        0,
        [echo.rest, &[]],
    )
}

/// A reset, as by a host without such a socket (RFC 9293, section 3.5.2).
pub(crate) fn reset(segment: &Segment<'_>, out: &mut Vec<u8>) -> bool {
    let tcp = &segment.tcp;
    let mut fixed = [0; TCP_FIXED_LEN];
    if tcp.ack() {
        fixed[4..8].copy_from_slice(&tcp.acknowledgment_number().to_be_bytes());
        fixed[13] = RST;
    } else {
        let length = tcp.payload().len() as u32 + u32::from(tcp.syn()) + u32::from(tcp.fin());
        let next = tcp.sequence_number().wrapping_add(length);
        fixed[8..12].copy_from_slice(&next.to_be_bytes());
        fixed[13] = RST | ACK;
    }
    let outgoing = Outgoing {
        source: segment.destination,
        destination: segment.source,
        hop_limit: 64,
        traffic_class: 0,
        fixed,
        options: [&[], &[]],
        payload: &[],
    };
    outgoing.write(out)
}

/// Tells the sender of a packet that was too long how long it may be (RFC 1191, RFC 4443).
pub(crate) fn too_big(packet: &[u8], segment: &Segment<'_>, mtu: u16, out: &mut Vec<u8>) -> bool {
    let (from, to) = (segment.destination.ip(), segment.source.ip());
    let (kind, code) = if to.is_ipv4() { (3, 4) } else { (2, 0) };
    // In both families a 16-bit MTU is in the last two bytes of the field.
    let mut field = [0; 4];
    field[2..].copy_from_slice(&mtu.to_be_bytes());
    let quote = &packet[..packet.len().min(QUOTE_LEN)];
    write_icmp(out, from, to, kind, code, [&field, quote])
}
