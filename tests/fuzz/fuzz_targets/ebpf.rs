//! The eBPF program against the Rust codec and trust: the same header from the same
//! peer gives the same answer, and counts the same.
//!
//! The input's layout, zeros where it is short: one byte (bits 0-1: the formats, 0 the
//! default one, 1 `vtoa`, 2 all, 3 as two bytes choose; bit 2: an IPv6 socket; bit 3:
//! `any` is trusted; bits 4-5: how many trusted networks, 0 for the private ones; bit 6:
//! peer names stay; bit 7: the segment is a SYN, of Fast Open), those two bytes, 17 bytes
//! for each network, the peer in 18 bytes; the rest is the option list.
#![no_main]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use toa_core::abi::{
    INFO_FOREIGN, INFO_HAS_ADDR, INFO_HAS_VIRTUAL, INFO_IMPLAUSIBLE, INFO_INVALID, INFO_PEERNAME,
    INFO_TRUST_ENFORCED, INFO_UNTRUSTED, SOURCE_EBPF, ToaInfo, ToaNat64Peer,
};
use toa_core::option::{Layout, MAX_OPTIONS_LEN, Parsed, parse};
use toa_core::{OptionFormat, OptionFormats, TrustedPeers, to_mapped};

const NETS: usize = 16;
const TCP_FIXED_LEN: usize = 20;
const TCP_FLAGS: usize = 13;
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

// `enum toa_counter` of stats.h, as far as one connection moves it.
const WITH_TOA: usize = 0;
const WITHOUT_TOA: usize = 1;
const NAME_OK: usize = 2;
const NAME_MISMATCH: usize = 3;
const NAME_BYPASS: usize = 4;
const NAME_EMPTY: usize = 5;
const UNTRUSTED: usize = 8;
const INVALID: usize = 9;
const IMPLAUSIBLE: usize = 11;
const FOREIGN: usize = 12;
const NOT_SENT: usize = 14;
const COUNTERS: usize = 15;

// `enum toa_outcome` of recent.h, and one reason more.
const OUTCOME_TOA: usize = 0;
const OUTCOME_NOT_SENT: usize = 1;
const OUTCOME_FOREIGN: usize = 2;
const OUTCOME_UNTRUSTED: usize = 3;
const OUTCOME_INVALID: usize = 4;
const OUTCOME_IMPLAUSIBLE: usize = 5;
const OUTCOMES: usize = 8;
const UNKNOWN_KIND: usize = OUTCOMES;

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Net {
    addr: [u8; 16],
    prefix_len: u8,
    is_ipv6: u8,
}

#[repr(C)]
struct Connection {
    by_kind: [u16; 256],
    trust_any: u8,
    peername: u8,
    steps4: u8,
    steps6: u8,
    believe_implausible: u8,
    reads_vip: u8,
    zero: [u8; 2],
    version: [u8; 16],
    nets: [Net; NETS],
    peer: [u8; 16],
    peer_port: [u8; 2],
    is_ipv6: u8,
    tail: [u8; 5],
}

#[repr(C)]
struct Outcome {
    info: [u8; 68],
    lookup: [u8; 20],
    lookup_retval: i32,
    name: [[u8; 4]; 4],
    name_port: [u8; 2],
    zero: [u8; 10],
    counters: [u64; COUNTERS],
    recent: [u64; OUTCOMES],
    unread: Unread,
    is_noted: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Unread {
    reason: u8,
    kind: u8,
    len: u8,
    is_ipv4: u8,
    net: [u8; 8],
}

impl Outcome {
    fn zeroed() -> Self {
        Self {
            info: [0; 68],
            lookup: [0; 20],
            lookup_retval: 0,
            name: [[0; 4]; 4],
            name_port: [0; 2],
            zero: [0; 10],
            counters: [0; COUNTERS],
            recent: [0; OUTCOMES],
            unread: Unread::default(),
            is_noted: 0,
        }
    }
}

unsafe extern "C" {
    fn toa_host_open(
        connection: *const Connection,
        header: *mut u8,
        header_len: u32,
        outcome: *mut Outcome,
    );
}

/// One passive open, as the fuzzer has it.
struct Open {
    formats: OptionFormats,
    trusted: TrustedPeers,
    peername: bool,
    is_syn: bool,
    /// The address family is the socket's.
    peer: SocketAddr,
    options: Vec<u8>,
}

impl Open {
    fn read(input: &[u8]) -> Result<Self> {
        let mut input = Unstructured::new(input);
        let shape: u8 = input.arbitrary()?;
        let formats = match shape & 3 {
            0 => OptionFormats::default(),
            1 => of([OptionFormat::Vtoa]),
            2 => of(NAMED),
            _ => some_formats(input.arbitrary()?, input.arbitrary()?),
        };
        let mut nets = Vec::new();
        for _ in 0..shape >> 4 & 3 {
            nets.push(net(input.arbitrary()?, input.arbitrary()?));
        }
        let ip: [u8; 16] = input.arbitrary()?;
        let ip = match ip.first_chunk::<4>() {
            Some(v4) if shape & 4 == 0 => IpAddr::from(*v4),
            _ => IpAddr::from(ip),
        };
        let port = u16::from_be_bytes(input.arbitrary()?).max(1);
        let options = input.take_rest();
        let whole_words = options.len().min(MAX_OPTIONS_LEN) / 4 * 4;
        Ok(Self {
            formats,
            trusted: match nets.as_slice() {
                _ if shape & 8 != 0 => TrustedPeers::insecure_any(),
                [] => TrustedPeers::private(),
                nets => nets.join(",").parse().expect("they were made so"),
            },
            peername: shape & 0x40 == 0,
            is_syn: shape & 0x80 != 0,
            peer: SocketAddr::new(ip, port),
            options: options[..whole_words].to_vec(),
        })
    }

    /// Bits in the number of trusted networks of a family.
    fn steps(&self, is_of: fn(&IpAddr) -> bool) -> u8 {
        let nets = self.trusted.nets();
        let count = nets.filter(|net| is_of(&net.addr())).count();
        (usize::BITS - count.leading_zeros()) as u8
    }

    /// What the kernel sees and says.
    fn run(&self, believe_implausible: bool) -> Outcome {
        let (is_ipv6, peer) = match self.peer.ip() {
            IpAddr::V4(v4) => (0, v4_in_16(v4)),
            IpAddr::V6(v6) => (1, v6.octets()),
        };
        let mut connection = Connection {
            by_kind: *self.formats.by_kind(),
            trust_any: self.trusted.is_any().into(),
            peername: self.peername.into(),
            steps4: self.steps(IpAddr::is_ipv4),
            steps6: self.steps(IpAddr::is_ipv6),
            believe_implausible: believe_implausible.into(),
            reads_vip: (self.formats.layout(250, 8) == Some(Layout::Vip4)).into(),
            zero: [0; 2],
            version: [0; 16],
            nets: [Net::default(); NETS],
            peer,
            peer_port: self.peer.port().to_be_bytes(),
            is_ipv6,
            tail: [0; 5],
        };
        // Those that are not used stand for a network that no peer is in.
        let nowhere = Net {
            is_ipv6: 2,
            ..Net::default()
        };
        connection.nets.fill(nowhere);
        for (to, from) in connection.nets.iter_mut().zip(self.trusted.nets()) {
            (to.is_ipv6, to.addr) = match from.addr() {
                IpAddr::V4(v4) => (0, v4_in_16(v4)),
                IpAddr::V6(v6) => (1, v6.octets()),
            };
            to.prefix_len = from.prefix_len();
        }
        let mut header = vec![0; TCP_FIXED_LEN];
        header[TCP_FLAGS] = if self.is_syn { SYN } else { ACK };
        header.extend(&self.options);
        // The allocation ends with the header.
        let mut header = header.into_boxed_slice();
        let len = u32::try_from(header.len()).expect("60 bytes at most");
        let mut outcome = Outcome::zeroed();
        // SAFETY: the pointers are valid for the call, and `header` for `len` bytes.
        unsafe {
            toa_host_open(
                &raw const connection,
                header.as_mut_ptr(),
                len,
                &raw mut outcome,
            );
        }
        outcome
    }
}

const NAMED: [OptionFormat; 4] = [
    OptionFormat::Toa,
    OptionFormat::Vtoa,
    OptionFormat::Cip,
    OptionFormat::Ttgw,
];

/// Those that read nothing in two ways; the default ones where they do.
fn of(formats: impl IntoIterator<Item = OptionFormat>) -> OptionFormats {
    OptionFormats::new(formats).unwrap_or_default()
}

/// Bits 0-3 of `chosen` are the formats with names, bit 4 adds the layouts of `toa` under
/// a kind.
fn some_formats(chosen: u8, kind: u8) -> OptionFormats {
    let named = NAMED.into_iter().enumerate();
    let named = named.filter(|(i, _)| chosen >> i & 1 != 0);
    let at = (chosen & 0x10 != 0).then_some(OptionFormat::ToaAt(kind));
    of(named.map(|(_, format)| format).chain(at))
}

fn v4_in_16(v4: Ipv4Addr) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&v4.octets());
    bytes
}

/// A network without bits behind its prefix.
fn net(shape: u8, addr: [u8; 16]) -> String {
    let prefix = shape & 0x7f;
    let bits = u128::from_be_bytes(addr);
    if shape & 0x80 == 0 {
        let prefix = u32::from(prefix % 33);
        let bits = (bits >> 96) as u32;
        let bits = bits & u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
        format!("{}/{prefix}", Ipv4Addr::from_bits(bits))
    } else {
        let bits = bits & u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
        format!("{}/{prefix}", Ipv6Addr::from_bits(bits))
    }
}

fn name(outcome: &Outcome, is_ipv6: bool) -> SocketAddr {
    let ip = match is_ipv6 {
        true => IpAddr::from(<[u8; 16]>::try_from(outcome.name.as_flattened()).expect("16 bytes")),
        false => IpAddr::from(outcome.name[0]),
    };
    SocketAddr::new(ip, u16::from_be_bytes(outcome.name_port))
}

fuzz_target!(|input: &[u8]| {
    let Ok(open) = Open::read(input) else { return };
    check(&open, false);
    check(&open, true);
});

fn check(open: &Open, believe_implausible: bool) {
    let outcome = open.run(believe_implausible);

    let parsed = match open.is_syn {
        true => Parsed::Absent,
        false => match parse(&open.options, &open.formats) {
            Parsed::Implausible(option) if believe_implausible => Parsed::Found(option),
            parsed => parsed,
        },
    };
    let trusted = open.trusted.contains(open.peer.ip());
    let is_ipv6 = open.peer.is_ipv6();
    let peer = to_mapped(open.peer);
    let mut flags = INFO_TRUST_ENFORCED;
    let mut counters = [0; COUNTERS];
    let mut shown = open.peer;
    let mut client: Option<SocketAddrV6> = None;
    let mut virtual_addr: Option<SocketAddrV6> = None;
    let mut option: Option<(u8, u8)> = None;
    let mut why = OUTCOME_TOA;
    match parsed {
        Parsed::Found(found) if trusted => {
            flags |= INFO_HAS_ADDR;
            counters[WITH_TOA] = 1;
            client = Some(to_mapped(found.client()));
            virtual_addr = found.virtual_addr().map(to_mapped);
            option = Some((found.kind(), found.layout().option_len() as u8));
            if virtual_addr.is_some() {
                flags |= INFO_HAS_VIRTUAL;
            }
            let fits = is_ipv6 || found.client().is_ipv4();
            if open.peername && fits {
                flags |= INFO_PEERNAME;
                let client = to_mapped(found.client());
                shown = if is_ipv6 {
                    client.into()
                } else {
                    found.client()
                };
            }
            counters[match (open.peername, fits) {
                (false, _) => NAME_BYPASS,
                (true, false) => NAME_MISMATCH,
                (true, true) => NAME_OK,
            }] = 1;
        }
        parsed => {
            counters[WITHOUT_TOA] = 1;
            counters[NAME_EMPTY] = 1;
            if let Parsed::Foreign { kind, len } = parsed {
                option = Some((kind, len));
            }
            let (flag, counter, outcome) = match parsed {
                Parsed::Absent => (0, NOT_SENT, OUTCOME_NOT_SENT),
                Parsed::Foreign { .. } => (INFO_FOREIGN, FOREIGN, OUTCOME_FOREIGN),
                _ if !trusted => (INFO_UNTRUSTED, UNTRUSTED, OUTCOME_UNTRUSTED),
                Parsed::Implausible(_) => (INFO_IMPLAUSIBLE, IMPLAUSIBLE, OUTCOME_IMPLAUSIBLE),
                _ => (INFO_INVALID, INVALID, OUTCOME_INVALID),
            };
            flags |= flag;
            counters[counter] = 1;
            why = outcome;
        }
    }

    let info = ToaInfo::from_bytes(&outcome.info).expect("the program writes a version");
    assert_eq!((info.version(), info.source()), (2, SOURCE_EBPF));
    assert_eq!(info.flags(), flags, "{parsed:?}, trusted: {trusted}");
    assert_eq!(info.client(), client);
    assert_eq!(info.virtual_addr(), virtual_addr);
    assert_eq!(info.kind().zip(info.option_len()), option);
    assert_eq!(
        info.peer(),
        Some(peer).filter(|peer| !peer.ip().is_unspecified())
    );
    // What does not apply is zero.
    assert_eq!((&outcome.info[44..48], outcome.info[67]), (&[0; 4][..], 0));
    if client.is_none() {
        assert_eq!(
            (&outcome.info[8..24], &outcome.info[40..42]),
            (&[0; 16][..], &[0; 2][..])
        );
    }
    if virtual_addr.is_none() {
        assert_eq!(outcome.info[48..66], [0; 18]);
    }
    if option.is_none() {
        assert_eq!((outcome.info[3], outcome.info[66]), (0, 0));
    }
    let lookup = ToaNat64Peer::from_bytes(&outcome.lookup).expect("it has 20 bytes");
    let lookup = (outcome.lookup_retval == 0).then(|| lookup.client());
    assert_eq!(lookup, client);
    assert_eq!(outcome.lookup[18..], [0; 2]);
    assert_eq!(name(&outcome, is_ipv6), shown);
    assert_eq!(outcome.counters, counters);
    let mut recent = [0; OUTCOMES];
    recent[why] = 1;
    assert_eq!(outcome.recent, recent);
    check_noted(open, &outcome, why, option);
}

/// What is not read is noted with its reason and its peer's network.
fn check_noted(open: &Open, outcome: &Outcome, why: usize, option: Option<(u8, u8)>) {
    let noted = outcome.unread;
    if why == OUTCOME_TOA || outcome.is_noted == 0 {
        let said = why == OUTCOME_TOA || why == OUTCOME_NOT_SENT;
        assert!(said && outcome.is_noted == 0, "{noted:?}, {why}");
        return;
    }
    let reason = if why == OUTCOME_NOT_SENT {
        UNKNOWN_KIND
    } else {
        why
    };
    assert_eq!(usize::from(noted.reason), reason);
    if reason == OUTCOME_FOREIGN {
        assert_eq!(Some((noted.kind, noted.len)), option);
    }
    assert_eq!(
        open.formats.contains_kind(noted.kind),
        reason != UNKNOWN_KIND
    );
    let pair = [noted.kind, noted.len];
    assert!(
        open.options.windows(2).any(|bytes| bytes == pair),
        "{noted:?}"
    );
    let mapped = to_mapped(open.peer).ip().octets();
    let (is_ipv4, net) = match mapped {
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, _] => (1, [a, b, c, 0, 0, 0, 0, 0]),
        [net @ .., _, _, _, _, _, _, _, _] => (0, net),
    };
    assert_eq!((noted.is_ipv4, noted.net), (is_ipv4, net));
}
