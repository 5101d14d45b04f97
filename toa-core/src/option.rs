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
//! That is the format `toa`; [`OptionFormat`] has the others.
//!
//! The kernel side does the reading in production; this codec is the reference
//! that it is tested against, and what the laptop balancer writes with.
//!
//! Three rules make the reading safe. The **first** option of a known format
//! counts, because a balancer inserts its own directly behind the fixed header
//! and whatever the client wrote comes later. Nothing that follows it can make
//! another one count: a client that appends garbage names nobody. And a list that
//! a client filled, so that the balancer's option found no room, is
//! [implausible](Parsed::Implausible): its first option is the client's own.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::addr::{from_mapped, to_mapped};
use crate::format::OptionFormats;
pub use crate::format::{Layout, OptionFormat};

mod encode;

pub use encode::Encoded;

/// Longest option list a TCP header can hold, in bytes (RFC 9293, section 3.1).
pub const MAX_OPTIONS_LEN: usize = 40;

const KIND_END_OF_LIST: u8 = 0;
const KIND_NO_OPERATION: u8 = 1;

/// Kind and length of the options that a normal stack writes beside the balancer's.
type Beside = [(u8, usize)];

/// In the segment that completes the handshake: timestamps.
const BESIDE_IN_ACK: &Beside = &[(8, 10)];
/// In the SYN: segment size, window scale, SACK permitted, timestamps.
const BESIDE_IN_SYN: &Beside = &[(2, 4), (3, 3), (4, 2), (8, 10)];

/// One TOA option: a client's address under an option kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ToaOption {
    kind: u8,
    layout: Layout,
    client: SocketAddr,
    virtual_addr: Option<SocketAddr>,
}

/// What [`parse`] found in an option list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Parsed {
    /// The first option of a known format, with an address that a client can have.
    Found(ToaOption),
    /// As `Found`, but no balancer can have put it in front of this list. Of a list
    /// of L bytes the first option, of s bytes, is believed when L + s is at most
    /// 40: the balancer had room, so the first option is its own. Beyond that it is
    /// believed only when the rest is what a normal stack writes there, padding and at
    /// most one timestamp option, and no more of it than those need.
    Implausible(ToaOption),
    /// An option of a known format is there, but its address or its version is
    /// refused; or one of a known kind does not end within the list.
    Invalid,
    /// Options of a known kind are there, but none has a length that a known format
    /// has. It may be another balancer's format, or not be about addresses at all.
    Foreign {
        /// The kind of the first one.
        kind: u8,
        /// Its length, its kind and length bytes included.
        len: u8,
    },
    /// No TOA option.
    Absent,
}

/// Finds the TOA option that counts in `options`, the bytes between a TCP
/// header's fixed part and its data offset.
///
/// Total: any input gives an answer.
///
/// ```
/// use toa_core::{OptionFormats, option::{Parsed, parse}};
///
/// let options = [254, 8, 0x30, 0x39, 203, 0, 113, 7];
/// let Parsed::Found(option) = parse(&options, &OptionFormats::default()) else { panic!() };
/// assert_eq!(option.client(), "203.0.113.7:12345".parse()?);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[must_use]
pub fn parse(options: &[u8], formats: &OptionFormats) -> Parsed {
    parse_beside(BESIDE_IN_ACK, options, formats)
}

/// [`parse`] for the option list of a SYN, where a normal stack also writes its segment
/// size, its window scale and that it permits SACK.
///
/// With timestamps these fill the list behind an IPv6 option, so there the rule leaves a
/// client room for a forged one: only a balancer that overwrites its clients' options ends
/// that.
#[must_use]
pub fn parse_syn(options: &[u8], formats: &OptionFormats) -> Parsed {
    parse_beside(BESIDE_IN_SYN, options, formats)
}

fn parse_beside(beside: &Beside, options: &[u8], formats: &OptionFormats) -> Parsed {
    let mut at = 0;
    let mut behind_vip = None;
    let mut verdict = Parsed::Absent;
    loop {
        let rest = &options[at..];
        at += match *rest {
            [] | [KIND_END_OF_LIST, ..] | [_] => return verdict,
            [KIND_NO_OPERATION, ..] => 1,
            [kind, size, ..] => {
                let len = usize::from(size);
                let is_read = formats.contains_kind(kind);
                let Some(option) = rest.get(..len).filter(|_| len >= 2) else {
                    return if is_read { Parsed::Invalid } else { verdict };
                };
                match formats.layout(kind, len) {
                    Some(Layout::Vip4) => behind_vip = Some(at + len),
                    Some(layout) => {
                        let vip_before = behind_vip == Some(at);
                        let found = Counted::new(options, at, layout, vip_before, formats);
                        return found.judge(kind, option, beside);
                    }
                    None if is_read && verdict == Parsed::Absent => {
                        verdict = Parsed::Foreign { kind, len: size };
                    }
                    None => {}
                }
                len
            }
        };
    }
}

/// The option that counts, and what a balancer wrote with it: the virtual address of
/// [`Layout::Vip4`] stands directly beside it.
struct Counted<'a> {
    before: &'a [u8],
    after: &'a [u8],
    layout: Layout,
    vip: Option<&'a [u8]>,
    /// How much room a balancer needs for what it writes.
    needed: usize,
}

impl<'a> Counted<'a> {
    fn new(
        options: &'a [u8],
        at: usize,
        layout: Layout,
        vip_before: bool,
        formats: &OptionFormats,
    ) -> Self {
        const VIP_LEN: usize = Layout::Vip4.option_len();
        let (mut start, mut end) = (at, at + layout.option_len());
        let mut needed = layout.option_len();
        let mut vip = None;
        if layout == Layout::Toa4 && formats.reads_vip() {
            needed += VIP_LEN;
            if vip_before {
                start -= VIP_LEN;
                vip = options.get(start..at);
            } else if let Some(&[kind, len]) = options.get(end..end + 2)
                && formats.layout(kind, len.into()) == Some(Layout::Vip4)
                && let Some(behind) = options.get(end..end + VIP_LEN)
            {
                vip = Some(behind);
                end += VIP_LEN;
            }
        }
        Self {
            before: &options[..start],
            after: &options[end..],
            layout,
            vip,
            needed,
        }
    }

    fn judge(&self, kind: u8, option: &[u8], beside: &Beside) -> Parsed {
        let fields = self.layout.fields();
        let client = addr(option, fields.addr, fields.port, fields.addr_len);
        let Some(client) = client.filter(|_| fields.version == 0 || option[2] == fields.version)
        else {
            return Parsed::Invalid;
        };
        let virtual_addr = match self.vip {
            Some(vip) => virtual_addr(vip, Layout::Vip4),
            None => virtual_addr(option, self.layout),
        };
        let found = ToaOption {
            kind,
            layout: self.layout,
            client,
            virtual_addr,
        };
        if !is_client_address(to_mapped(client).ip()) {
            Parsed::Invalid
        } else if self.is_plausible(option.len() + self.vip.map_or(0, <[u8]>::len), beside) {
            Parsed::Found(found)
        } else {
            Parsed::Implausible(found)
        }
    }

    /// Whether a balancer can have put `size` bytes between the two parts of the list.
    fn is_plausible(&self, size: usize, beside: &Beside) -> bool {
        let len = self.before.len() + size + self.after.len();
        if len + self.needed <= MAX_OPTIONS_LEN {
            return true;
        }
        let mut seen = 0;
        let mut padded = |rest| padded_len(rest, beside, &mut seen);
        let rest = padded(self.before).zip(padded(self.after));
        rest.is_some_and(|(before, after)| len <= size.next_multiple_of(4) + before + after)
    }
}

/// The address at `at` with the port at `port`, if it has one; `None` when the layout has
/// no address there.
fn addr(option: &[u8], at: u8, port: u8, addr_len: u8) -> Option<SocketAddr> {
    let bytes = option.get(usize::from(at)..).filter(|_| at != 0)?;
    let ip = match addr_len {
        4 => IpAddr::from(*bytes.first_chunk::<4>()?),
        _ => IpAddr::from(*bytes.first_chunk::<16>()?).to_canonical(),
    };
    let port = match port {
        0 => 0,
        _ => u16::from_be_bytes(*option.get(usize::from(port)..)?.first_chunk()?),
    };
    Some(SocketAddr::new(ip, port))
}

fn virtual_addr(option: &[u8], layout: Layout) -> Option<SocketAddr> {
    let fields = layout.fields();
    addr(
        option,
        fields.virtual_addr,
        fields.virtual_port,
        fields.addr_len,
    )
    .filter(|found| !found.ip().is_unspecified())
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

/// Whether a client can have this address. Refused are, in IPv4, also in mapped form and
/// inside the NAT64 prefix 64:ff9b::/96 (RFC 6052): 0.0.0.0/8, loopback, multicast, and
/// 240.0.0.0/4 with the broadcast address; in IPv6: ::/96, which holds the unspecified and
/// the loopback address, and multicast.
#[must_use]
pub fn is_client_address(address: &Ipv6Addr) -> bool {
    match from_mapped(*address) {
        IpAddr::V4(v4) => is_ipv4_client_address(v4.octets()),
        IpAddr::V6(v6) => match v6.octets() {
            [0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, v4 @ ..] => is_ipv4_client_address(v4),
            octets => octets[..12] != [0; 12] && !v6.is_multicast(),
        },
    }
}

pub(crate) const fn is_ipv4_client_address(octets: [u8; 4]) -> bool {
    !matches!(octets[0], 0 | 127 | 224..)
}

impl ToaOption {
    /// The TCP option kind it travels under.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        self.kind
    }

    /// What its bytes mean.
    #[must_use]
    pub const fn layout(&self) -> Layout {
        self.layout
    }

    /// The client. An IPv4 address that was read in mapped form is given back as IPv4.
    #[must_use]
    pub const fn client(&self) -> SocketAddr {
        self.client
    }

    /// The address that the client asked for, where the option has one; port 0 where it
    /// has the address alone.
    #[must_use]
    pub const fn virtual_addr(&self) -> Option<SocketAddr> {
        self.virtual_addr
    }
}
