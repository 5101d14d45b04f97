//! A SYN as the kernel keeps it for the listener (`TCP_SAVE_SYN`): the IP header with its
//! options or extension headers, and the TCP header, without the payload.

use crate::format::OptionFormats;
use crate::option::{Parsed, parse_syn};

const TCP: u8 = 6;
const TCP_FIXED_LEN: usize = 20;
const FIN_SYN_RST_ACK: u8 = 0x17;
const SYN: u8 = 0x02;
const KIND_FAST_OPEN: u8 = 34;
/// RFC 6994, section 3: an experiment has a number of its own under a shared kind. This one
/// is Fast Open's from before it had kind 34, with the eight bytes of a cookie of Linux.
const EXPERIMENTAL_FAST_OPEN: [u8; 4] = [254, 12, 0xf9, 0x89];

/// What a SYN says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Syn {
    /// Its TOA option.
    pub option: Parsed,
    /// Whether it may have opened the connection by itself (TCP Fast Open, RFC 7413): it has
    /// data or a cookie. Then its sender need not receive anything at the address it names.
    pub may_be_fast_open: bool,
}

/// Reads a SYN from its IP header on; `None` when the bytes are none.
///
/// Total: any input gives an answer.
#[must_use]
pub fn parse(packet: &[u8], formats: &OptionFormats) -> Option<Syn> {
    let (tcp_at, packet_len) = match packet.first()? >> 4 {
        4 => behind_ipv4(packet)?,
        6 => behind_ipv6(packet)?,
        _ => return None,
    };
    let tcp = packet.get(tcp_at..)?;
    let header_len = usize::from(tcp.get(12)? >> 4) * 4;
    let options = tcp.get(TCP_FIXED_LEN..header_len)?;
    if tcp[13] & FIN_SYN_RST_ACK != SYN {
        return None;
    }
    Some(Syn {
        option: parse_syn(options, formats),
        may_be_fast_open: packet_len > tcp_at + header_len || has_cookie(options),
    })
}

/// Where TCP begins, and how long the packet was.
fn behind_ipv4(packet: &[u8]) -> Option<(usize, usize)> {
    let header: &[u8; 20] = packet.first_chunk()?;
    let header_len = usize::from(header[0] & 0x0f) * 4;
    let packet_len = u16::from_be_bytes([header[2], header[3]]);
    (header_len >= 20 && header[9] == TCP).then_some((header_len, packet_len.into()))
}

/// The same behind a chain of extension headers (RFC 8200, section 4).
fn behind_ipv6(packet: &[u8]) -> Option<(usize, usize)> {
    let header: &[u8; 40] = packet.first_chunk()?;
    let packet_len = 40 + usize::from(u16::from_be_bytes([header[4], header[5]]));
    let (mut next, mut at) = (header[6], 40);
    while next != TCP {
        let &[after, len] = packet.get(at..)?.first_chunk()?;
        at += match next {
            // Hop-by-hop options, routing, destination options.
            0 | 43 | 60 => (usize::from(len) + 1) * 8,
            // A fragment header; TCP sees none but those of a packet in one piece.
            44 => 8,
            // An authentication header (RFC 4302, section 2.2).
            51 => (usize::from(len) + 2) * 4,
            _ => return None,
        };
        next = after;
    }
    Some((at, packet_len))
}

fn has_cookie(options: &[u8]) -> bool {
    let mut rest = options;
    loop {
        rest = match *rest {
            [] | [0, ..] | [_] => return false,
            [1, ref after @ ..] => after,
            // Two bytes alone ask for a cookie.
            [KIND_FAST_OPEN, len, ..] if len > 2 => return true,
            [_, len, ..] if len >= 2 => {
                if rest.starts_with(&EXPERIMENTAL_FAST_OPEN) {
                    return true;
                }
                rest.get(usize::from(len)..).unwrap_or_default()
            }
            _ => return false,
        };
    }
}

#[cfg(test)]
mod tests;
