//! What the kernel answers: the two `getsockopt` calls of a TOA source.
//!
//! The C side of the same layouts is `include/toa.h`, part of this crate. A third-party module (LVS,
//! DPVS, Huawei elb-toa, Tencent toa) knows [`TOA_SO_GET_LOOKUP`] alone.

use std::ffi::c_int;
use std::mem::{offset_of, size_of};
use std::net::{Ipv6Addr, SocketAddrV6};

/// `getsockopt(fd, IPPROTO_IP, 4096)`: the client's address, [`ToaNat64Peer`].
pub const TOA_SO_GET_LOOKUP: c_int = 4096;

/// `getsockopt(fd, IPPROTO_IP, 4097)`: all that our sources know of a TCP
/// socket, [`ToaInfo`].
pub const TOA_SO_GET_INFO: c_int = 4097;

/// `toa_info.source` of the eBPF program.
pub const SOURCE_EBPF: u8 = 1;
/// `toa_info.source` of the kernel module.
pub const SOURCE_MODULE: u8 = 2;

/// `toa_info.flags`: the client's address is set.
pub const INFO_HAS_ADDR: u32 = 1 << 0;
/// `toa_info.flags`: `getpeername()` and `accept()` show the client.
pub const INFO_PEERNAME: u32 = 1 << 1;
/// `toa_info.flags`: the source itself refuses peers that are not trusted.
pub const INFO_TRUST_ENFORCED: u32 = 1 << 2;
/// `toa_info.flags`: an option came, but from a peer that is not trusted.
pub const INFO_UNTRUSTED: u32 = 1 << 3;
/// `toa_info.flags`: an option came, but its length or address is refused.
pub const INFO_INVALID: u32 = 1 << 4;
/// `toa_info.flags`: an option came, but among options that left a balancer no room.
pub const INFO_IMPLAUSIBLE: u32 = 1 << 5;

/// `struct toa_nat64_peer`, the answer to [`TOA_SO_GET_LOOKUP`]. The C structure
/// ends in two bytes of padding, which old modules leave uninitialised.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ToaNat64Peer {
    /// The client, network order, IPv4 in mapped form.
    pub saddr: [u8; 16],
    /// Its port, network order.
    pub sport: [u8; 2],
    /// Padding.
    pub zero: [u8; 2],
}

const _: () = {
    assert!(size_of::<ToaNat64Peer>() == 20);
    assert!(offset_of!(ToaNat64Peer, sport) == 16);
};

/// `struct toa_info`, the answer to [`TOA_SO_GET_INFO`]. Fields that do not apply
/// are zero.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ToaInfo {
    /// Version of this layout, host order. Later versions only append.
    pub version: u16,
    /// [`SOURCE_EBPF`] or [`SOURCE_MODULE`].
    pub source: u8,
    /// TCP option kind of the accepted option, or 0.
    pub kind: u8,
    /// `INFO_*`, host order.
    pub flags: u32,
    /// The client, network order, IPv4 in mapped form.
    pub client: [u8; 16],
    /// The true TCP peer, the balancer; network order, IPv4 in mapped form.
    pub peer: [u8; 16],
    /// The client's port, network order.
    pub client_port: [u8; 2],
    /// The true TCP peer's port, network order.
    pub peer_port: [u8; 2],
    /// Zero.
    pub reserved: u32,
}

const _: () = {
    assert!(size_of::<ToaInfo>() == 48);
    assert!(offset_of!(ToaInfo, source) == 2);
    assert!(offset_of!(ToaInfo, kind) == 3);
    assert!(offset_of!(ToaInfo, flags) == 4);
    assert!(offset_of!(ToaInfo, client) == 8);
    assert!(offset_of!(ToaInfo, peer) == 24);
    assert!(offset_of!(ToaInfo, client_port) == 40);
    assert!(offset_of!(ToaInfo, peer_port) == 42);
    assert!(offset_of!(ToaInfo, reserved) == 44);
};

impl ToaNat64Peer {
    /// The client's address and port.
    #[must_use]
    pub fn client(&self) -> SocketAddrV6 {
        socket_addr(self.saddr, self.sport)
    }
}

impl ToaInfo {
    /// The client's address, when the source has one.
    #[must_use]
    pub fn client(&self) -> Option<SocketAddrV6> {
        self.has(INFO_HAS_ADDR)
            .then(|| socket_addr(self.client, self.client_port))
    }

    /// The true TCP peer, when the socket is connected.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddrV6> {
        let peer = socket_addr(self.peer, self.peer_port);
        (!peer.ip().is_unspecified()).then_some(peer)
    }

    /// Whether all of `flags` are set.
    #[must_use]
    pub const fn has(&self, flags: u32) -> bool {
        self.flags & flags == flags
    }
}

fn socket_addr(ip: [u8; 16], port: [u8; 2]) -> SocketAddrV6 {
    SocketAddrV6::new(Ipv6Addr::from(ip), u16::from_be_bytes(port), 0, 0)
}

/// An answer of the kernel, decoded from the bytes it wrote.
pub(crate) trait Answer: Sized {
    /// The socket option's name.
    const NAME: c_int;
    /// Bytes the answer has.
    const LEN: usize;

    /// Decodes an answer; `bytes` holds [`LEN`](Self::LEN) of it. `None` when no
    /// source can have written this.
    fn decode(bytes: &[u8; MAX_ANSWER_LEN]) -> Option<Self>;
}

/// Room for the longest answer.
pub(crate) const MAX_ANSWER_LEN: usize = size_of::<ToaInfo>();

impl Answer for ToaNat64Peer {
    const NAME: c_int = TOA_SO_GET_LOOKUP;
    const LEN: usize = size_of::<Self>();

    fn decode(bytes: &[u8; MAX_ANSWER_LEN]) -> Option<Self> {
        Some(Self {
            saddr: field(bytes, offset_of!(Self, saddr)),
            sport: field(bytes, offset_of!(Self, sport)),
            zero: field(bytes, offset_of!(Self, zero)),
        })
    }
}

impl Answer for ToaInfo {
    const NAME: c_int = TOA_SO_GET_INFO;
    const LEN: usize = size_of::<Self>();

    /// Versions begin with 1: an answer of zeros is nobody's. Later ones only append.
    fn decode(bytes: &[u8; MAX_ANSWER_LEN]) -> Option<Self> {
        let info = Self {
            version: u16::from_ne_bytes(field(bytes, offset_of!(Self, version))),
            source: bytes[offset_of!(Self, source)],
            kind: bytes[offset_of!(Self, kind)],
            flags: u32::from_ne_bytes(field(bytes, offset_of!(Self, flags))),
            client: field(bytes, offset_of!(Self, client)),
            peer: field(bytes, offset_of!(Self, peer)),
            client_port: field(bytes, offset_of!(Self, client_port)),
            peer_port: field(bytes, offset_of!(Self, peer_port)),
            reserved: u32::from_ne_bytes(field(bytes, offset_of!(Self, reserved))),
        };
        (info.version != 0).then_some(info)
    }
}

fn field<const N: usize>(bytes: &[u8; MAX_ANSWER_LEN], offset: usize) -> [u8; N] {
    *bytes[offset..]
        .first_chunk()
        .expect("the layout assertions keep every field inside")
}
