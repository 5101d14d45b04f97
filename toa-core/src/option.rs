//! The TCP option on the wire: which bytes carry the client's address.
//!
//! ```text
//! byte   0      1        2      4
//!      +------+--------+------+-----------------------+
//!      | kind | length | port | address (4 or 16)     |   port and address in network order
//!      +------+--------+------+-----------------------+
//!               8 or 20
//! ```
//!
//! The kernel side does the reading in production; this codec is the reference
//! that it is tested against, and what the laptop balancer writes with.
//!
//! Three rules make the reading safe. The **first** TOA option of the header
//! counts, because a balancer inserts its own directly behind the fixed header
//! and whatever the client wrote comes later. Nothing that follows it can make
//! another one count: a client that appends garbage names nobody. And a list that
//! a client filled, so that the balancer's option found no room, is
//! [implausible](Parsed::Implausible): its first option is the client's own.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::addr::{from_mapped, to_mapped};
use crate::kinds::OptionKinds;

/// Longest option list a TCP header can hold, in bytes (RFC 9293, section 3.1).
pub const MAX_OPTIONS_LEN: usize = 40;

const KIND_END_OF_LIST: u8 = 0;
const KIND_NO_OPERATION: u8 = 1;
const LEN_IPV4: u8 = 8;
const LEN_IPV6: u8 = 20;

/// Kind and length of the options that a normal stack writes beside the balancer's.
type Beside = [(u8, usize)];

/// In the segment that completes the handshake: timestamps.
const BESIDE_IN_ACK: &Beside = &[(8, 10)];
/// In the SYN: segment size, window scale, SACK permitted, timestamps.
const BESIDE_IN_SYN: &Beside = &[(2, 4), (3, 3), (4, 2), (8, 10)];

/// One TOA option: a client's address under an option kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ToaOption {
    /// The TCP option kind it travels under, 254 by default.
    pub kind: u8,
    /// The client. IPv4 is written in 8 bytes, IPv6 (also in mapped form) in 20.
    pub client: SocketAddr,
}

/// What [`parse`] found in an option list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Parsed {
    /// The first TOA option, with an address that a client can have. An IPv4
    /// address that was sent in mapped form is given back as IPv4.
    Found(ToaOption),
    /// As `Found`, but no balancer can have put it in front of this list. Of a list
    /// of L bytes the first option, of s bytes, is believed when L + s is at most
    /// 40: the balancer had room, so the first option is its own. Beyond that it is
    /// believed only when the rest is what a normal stack writes there, padding and at
    /// most one timestamp option, and no more of it than those need.
    Implausible(ToaOption),
    /// A TOA kind is there, but its length or its address is refused.
    Invalid,
    /// No TOA option.
    Absent,
}

/// Finds the TOA option that counts in `options`, the bytes between a TCP
/// header's fixed part and its data offset.
///
/// Total: any input gives an answer.
///
/// ```
/// use toa_core::{OptionKinds, option::{Parsed, parse}};
///
/// let options = [254, 8, 0x30, 0x39, 203, 0, 113, 7];
/// let Parsed::Found(option) = parse(&options, &OptionKinds::default()) else { panic!() };
/// assert_eq!(option.client, "203.0.113.7:12345".parse()?);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[must_use]
pub fn parse(options: &[u8], kinds: &OptionKinds) -> Parsed {
    parse_beside(BESIDE_IN_ACK, options, kinds)
}

/// [`parse`] for the option list of a SYN, where a normal stack also writes its segment
/// size, its window scale and that it permits SACK.
///
/// With timestamps these fill the list behind an IPv6 option, so there the rule leaves a
/// client room for a forged one: only a balancer that overwrites its clients' options ends
/// that.
#[must_use]
pub fn parse_syn(options: &[u8], kinds: &OptionKinds) -> Parsed {
    parse_beside(BESIDE_IN_SYN, options, kinds)
}

fn parse_beside(beside: &Beside, options: &[u8], kinds: &OptionKinds) -> Parsed {
    let mut at = 0;
    let mut verdict = Parsed::Absent;
    loop {
        let rest = &options[at..];
        at += match *rest {
            [] | [KIND_END_OF_LIST, ..] | [_] => return verdict,
            [KIND_NO_OPERATION, ..] => 1,
            [kind, len, ..] => {
                let len = usize::from(len);
                let is_toa = kinds.contains(kind);
                let Some(option) = rest.get(..len).filter(|_| len >= 2) else {
                    return if is_toa { Parsed::Invalid } else { verdict };
                };
                if is_toa {
                    if let Some(client) = decode(option) {
                        let plausible = is_plausible(&options[..at], len, &rest[len..], beside);
                        return judge(ToaOption { kind, client }, plausible);
                    }
                    verdict = Parsed::Invalid;
                }
                len
            }
        };
    }
}

fn decode(option: &[u8]) -> Option<SocketAddr> {
    let (&[_, len, p0, p1], address) = option.split_first_chunk()?;
    let ip = match len {
        LEN_IPV4 => IpAddr::from(<[u8; 4]>::try_from(address).ok()?),
        LEN_IPV6 => IpAddr::from(<[u8; 16]>::try_from(address).ok()?).to_canonical(),
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_be_bytes([p0, p1])))
}

fn judge(option: ToaOption, plausible: bool) -> Parsed {
    if !is_client_address(to_mapped(option.client).ip()) {
        Parsed::Invalid
    } else if plausible {
        Parsed::Found(option)
    } else {
        Parsed::Implausible(option)
    }
}

/// Whether a balancer can have put an option of `size` bytes between these two parts
/// of the list.
fn is_plausible(before: &[u8], size: usize, after: &[u8], beside: &Beside) -> bool {
    let len = before.len() + size + after.len();
    if len + size <= MAX_OPTIONS_LEN {
        return true;
    }
    let mut seen = 0;
    let rest = padded_len(before, beside, &mut seen).zip(padded_len(after, beside, &mut seen));
    rest.is_some_and(|(before, after)| len <= size.next_multiple_of(4) + before + after)
}

/// What these bytes need, each option brought to a multiple of four; `None` when there is
/// anything else than padding and options of `beside`, or one that `seen` has already.
fn padded_len(mut rest: &[u8], beside: &Beside, seen: &mut u8) -> Option<usize> {
    let mut needed = 0;
    loop {
        rest = match *rest {
            [] => return Some(needed),
            [KIND_END_OF_LIST | KIND_NO_OPERATION, ref after @ ..] => after,
            [kind, len, ..] => {
                let known = beside.iter().position(|&it| it == (kind, len.into()))?;
                if *seen & 1 << known != 0 {
                    return None;
                }
                *seen |= 1 << known;
                needed += usize::from(len).next_multiple_of(4);
                rest.get(len.into()..)?
            }
            [_] => return None,
        };
    }
}

/// Whether a client can have this address: not unspecified, loopback,
/// multicast or the IPv4 broadcast address, also in mapped form.
#[must_use]
pub fn is_client_address(address: &Ipv6Addr) -> bool {
    match from_mapped(*address) {
        IpAddr::V4(v4) => {
            !(v4.is_unspecified() || v4.is_loopback() || v4.is_multicast() || v4.is_broadcast())
        }
        IpAddr::V6(v6) => !(v6.is_unspecified() || v6.is_loopback() || v6.is_multicast()),
    }
}

/// An option's bytes as they stand in a TCP header; dereferences to the slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoded {
    bytes: [u8; LEN_IPV6 as usize],
    len: usize,
}

impl std::ops::Deref for Encoded {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl ToaOption {
    /// The option's bytes: 8 for IPv4, 20 for IPv6; both a multiple of four, so
    /// they need no padding in the header.
    #[must_use]
    pub fn encode(&self) -> Encoded {
        let mut bytes = [0; LEN_IPV6 as usize];
        let len = match self.client.ip() {
            IpAddr::V4(v4) => {
                bytes[4..8].copy_from_slice(&v4.octets());
                LEN_IPV4
            }
            IpAddr::V6(v6) => {
                bytes[4..20].copy_from_slice(&v6.octets());
                LEN_IPV6
            }
        };
        bytes[0] = self.kind;
        bytes[1] = len;
        bytes[2..4].copy_from_slice(&self.client.port().to_be_bytes());
        Encoded {
            bytes,
            len: usize::from(len),
        }
    }
}
