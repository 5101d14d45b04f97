//! What the kernel answers: the two `getsockopt` calls of a TOA source.
//!
//! The C side of the same layouts is `include/toa.h`, part of this crate. A third-party
//! module (LVS, DPVS, Huawei elb-toa, Tencent toa) knows [`TOA_SO_GET_LOOKUP`] alone.

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
/// `toa_info.flags`: an option came in a segment that the balancer cannot have written.
pub const INFO_IMPLAUSIBLE: u32 = 1 << 5;
/// `toa_info.flags`: an option of a configured kind came, of a length that no configured
/// format has.
pub const INFO_FOREIGN: u32 = 1 << 6;
/// `toa_info.flags`: the address that the client asked for is set.
pub const INFO_HAS_VIRTUAL: u32 = 1 << 7;

/// `struct toa_nat64_peer`, the answer to [`TOA_SO_GET_LOOKUP`]. The C structure
/// ends in two bytes of padding, which old modules leave uninitialised.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ToaNat64Peer {
    /// The client, network order, IPv4 in mapped form.
    saddr: [u8; 16],
    /// Its port, network order.
    sport: [u8; 2],
    zero: [u8; 2],
}

const _: () = {
    assert!(size_of::<ToaNat64Peer>() == 20);
    assert!(offset_of!(ToaNat64Peer, sport) == 16);
};

/// `struct toa_info`, the answer to [`TOA_SO_GET_INFO`]. What does not apply is zero.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ToaInfo {
    /// Version of this layout, host order. Later versions only append.
    version: u16,
    source: u8,
    kind: u8,
    /// `INFO_*`, host order.
    flags: u32,
    /// Addresses and ports are in network order, IPv4 in mapped form.
    client: [u8; 16],
    peer: [u8; 16],
    client_port: [u8; 2],
    peer_port: [u8; 2],
    reserved: u32,
    /// From here on version 2.
    virtual_addr: [u8; 16],
    virtual_port: [u8; 2],
    len: u8,
    zero: u8,
}

/// Bytes of the version 1 form.
const INFO_V1_LEN: usize = 48;

const _: () = {
    assert!(size_of::<ToaInfo>() == 68);
    assert!(offset_of!(ToaInfo, source) == 2);
    assert!(offset_of!(ToaInfo, kind) == 3);
    assert!(offset_of!(ToaInfo, flags) == 4);
    assert!(offset_of!(ToaInfo, client) == 8);
    assert!(offset_of!(ToaInfo, peer) == 24);
    assert!(offset_of!(ToaInfo, client_port) == 40);
    assert!(offset_of!(ToaInfo, peer_port) == 42);
    assert!(offset_of!(ToaInfo, reserved) == 44);
    assert!(offset_of!(ToaInfo, virtual_addr) == INFO_V1_LEN);
    assert!(offset_of!(ToaInfo, virtual_port) == 64);
    assert!(offset_of!(ToaInfo, len) == 66);
};

impl ToaNat64Peer {
    /// Decodes the bytes that the kernel wrote; `None` when they are not 20.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        decode(bytes)
    }

    /// The client's address and port.
    #[must_use]
    pub fn client(&self) -> SocketAddrV6 {
        socket_addr(self.saddr, self.sport)
    }
}

impl ToaInfo {
    /// Decodes the bytes that the kernel wrote; `None` when they are not 68, or 48 from a
    /// source of version 1, or begin with the version 0, which no source writes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        decode(bytes)
    }

    /// Version of the layout; later ones only append.
    #[must_use]
    pub const fn version(&self) -> u16 {
        self.version
    }

    /// Which of our sources answered: [`SOURCE_EBPF`] or [`SOURCE_MODULE`].
    #[must_use]
    pub const fn source(&self) -> u8 {
        self.source
    }

    /// The TCP option kind of the accepted option, or of the [foreign](INFO_FOREIGN) one.
    #[must_use]
    pub fn kind(&self) -> Option<u8> {
        (self.kind != 0).then_some(self.kind)
    }

    /// The length of that option, its kind and length bytes included. With its kind it
    /// tells the format.
    #[must_use]
    pub fn option_len(&self) -> Option<u8> {
        (self.len != 0).then_some(self.len)
    }

    /// The address that the client asked for, where the option had it; port 0 where it had
    /// the address alone.
    #[must_use]
    pub fn virtual_addr(&self) -> Option<SocketAddrV6> {
        let found = socket_addr(self.virtual_addr, self.virtual_port);
        (self.has(INFO_HAS_VIRTUAL) && !found.ip().is_unspecified()).then_some(found)
    }

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

    /// The `INFO_*` flags.
    #[must_use]
    pub const fn flags(&self) -> u32 {
        self.flags
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

/// `None` when `bytes` has a length that no source answers with, or no source can have
/// written it.
pub(crate) fn decode<T: WireReply>(bytes: &[u8]) -> Option<T> {
    if ![T::MIN_LEN, T::LEN].contains(&bytes.len()) {
        return None;
    }
    let mut padded = [0; MAX_REPLY_LEN];
    padded[..bytes.len()].copy_from_slice(bytes);
    T::decode(&padded)
}

/// A reply of the kernel, decoded from the bytes it wrote.
pub(crate) trait WireReply: Sized {
    /// The socket option's name.
    const NAME: c_int;
    /// Bytes that the reply has.
    const LEN: usize;
    /// Bytes that the reply of an older source has.
    const MIN_LEN: usize;

    /// Decodes a reply, of which zeros follow what was written. `None` when no source can
    /// have written this.
    fn decode(bytes: &[u8; MAX_REPLY_LEN]) -> Option<Self>;
}

/// Room for the longest reply.
pub(crate) const MAX_REPLY_LEN: usize = size_of::<ToaInfo>();

impl WireReply for ToaNat64Peer {
    const NAME: c_int = TOA_SO_GET_LOOKUP;
    const LEN: usize = size_of::<Self>();
    const MIN_LEN: usize = Self::LEN;

    fn decode(bytes: &[u8; MAX_REPLY_LEN]) -> Option<Self> {
        Some(Self {
            saddr: field(bytes, offset_of!(Self, saddr)),
            sport: field(bytes, offset_of!(Self, sport)),
            zero: field(bytes, offset_of!(Self, zero)),
        })
    }
}

impl WireReply for ToaInfo {
    const NAME: c_int = TOA_SO_GET_INFO;
    const LEN: usize = size_of::<Self>();
    const MIN_LEN: usize = INFO_V1_LEN;

    fn decode(bytes: &[u8; MAX_REPLY_LEN]) -> Option<Self> {
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
            virtual_addr: field(bytes, offset_of!(Self, virtual_addr)),
            virtual_port: field(bytes, offset_of!(Self, virtual_port)),
            len: bytes[offset_of!(Self, len)],
            zero: bytes[offset_of!(Self, zero)],
        };
        (info.version != 0).then_some(info)
    }
}

fn field<const N: usize>(bytes: &[u8; MAX_REPLY_LEN], offset: usize) -> [u8; N] {
    *bytes[offset..]
        .first_chunk()
        .expect("the layout assertions keep every field inside")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_of_another_length_or_without_a_version_is_none() {
        for (len, version) in [(48, 1u16), (68, 2)] {
            let mut info = vec![0; len];
            assert_eq!(ToaInfo::from_bytes(&info), None);
            info[0..2].copy_from_slice(&version.to_ne_bytes());
            assert_eq!(ToaInfo::from_bytes(&info).unwrap().version(), version);
        }
        for len in (0..48).chain(49..68).chain([69, 128]) {
            let bytes = vec![1; len];
            assert_eq!(ToaInfo::from_bytes(&bytes), None, "{len}");
            assert_eq!(ToaNat64Peer::from_bytes(&bytes).is_some(), len == 20);
        }
    }

    #[test]
    fn the_virtual_address_is_that_of_the_second_version() {
        let mut bytes = [0; 68];
        bytes[0..2].copy_from_slice(&2u16.to_ne_bytes());
        bytes[3] = 252;
        bytes[48..64].copy_from_slice(&Ipv6Addr::LOCALHOST.octets());
        bytes[64..66].copy_from_slice(&443u16.to_be_bytes());
        bytes[66] = 20;
        let info = ToaInfo::from_bytes(&bytes).unwrap();
        assert_eq!(
            info.virtual_addr(),
            None,
            "the flag says whether it is there"
        );
        assert_eq!((info.kind(), info.option_len()), (Some(252), Some(20)));

        bytes[4..8].copy_from_slice(&INFO_HAS_VIRTUAL.to_ne_bytes());
        let info = ToaInfo::from_bytes(&bytes).unwrap();
        assert_eq!(info.virtual_addr(), Some("[::1]:443".parse().unwrap()));
        let cut_off = ToaInfo::from_bytes(&bytes[..48]).unwrap();
        assert_eq!((cut_off.virtual_addr(), cut_off.option_len()), (None, None));
    }
}
