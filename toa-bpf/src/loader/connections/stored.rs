//! `struct toa_conn` and `struct toa_virtual` of `bpf/table.h`.

use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};

use toa_core::abi::{
    INFO_FOREIGN, INFO_HAS_ADDR, INFO_HAS_VIRTUAL, INFO_IMPLAUSIBLE, INFO_INVALID, INFO_UNTRUSTED,
};
use toa_core::{Provenance, to_canonical};

const LEN: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) outcome: Provenance,
    pub(crate) client: Option<SocketAddr>,
    /// Of the option that named the client, or of the foreign one.
    pub(crate) kind: Option<u8>,
    pub(crate) len: Option<u8>,
    /// Whether the address that the client asked for is kept beside it.
    pub(crate) has_virtual: bool,
    /// In the units of `Jiffies::since`.
    pub(crate) opened: u32,
    pub(crate) scope: u32,
}

impl Stored {
    /// `None` for what belongs to an earlier connection of the socket, and for nonsense.
    pub(crate) fn read(value: &[u8], peer_port: u16) -> Option<Self> {
        let value: &[u8; LEN] = value.try_into().ok()?;
        let [
            client @ ..,
            p0,
            p1,
            q0,
            q1,
            kind,
            len,
            f0,
            f1,
            o0,
            o1,
            o2,
            o3,
            s0,
            s1,
            s2,
            s3,
        ] = *value;
        let client: [u8; 16] = client;
        if u16::from_be_bytes([q0, q1]) != peer_port {
            return None;
        }
        let flags = u16::from_ne_bytes([f0, f1]).into();
        let outcome = outcome(flags)?;
        let client = to_canonical(SocketAddrV6::new(
            Ipv6Addr::from(client),
            u16::from_be_bytes([p0, p1]),
            0,
            0,
        ));
        let is_believed = outcome == Provenance::Toa;
        Some(Self {
            outcome,
            client: is_believed.then_some(client),
            kind: (kind != 0).then_some(kind),
            len: (len != 0).then_some(len),
            has_virtual: flags & INFO_HAS_VIRTUAL != 0,
            opened: u32::from_ne_bytes([o0, o1, o2, o3]),
            scope: u32::from_ne_bytes([s0, s1, s2, s3]),
        })
    }
}

/// `None` for nonsense.
pub(crate) fn read_virtual(value: &[u8]) -> Option<SocketAddr> {
    let value: &[u8; 20] = value.try_into().ok()?;
    let [addr @ .., p0, p1, _, _] = *value;
    let addr: [u8; 16] = addr;
    let port = u16::from_be_bytes([p0, p1]);
    Some(to_canonical(SocketAddrV6::new(addr.into(), port, 0, 0)))
}

/// `None` where no option was found.
pub(crate) fn outcome(flags: u32) -> Option<Provenance> {
    match flags {
        // Whatever else stands there: refused is refused.
        flags if flags & INFO_UNTRUSTED != 0 => Some(Provenance::Untrusted),
        flags if flags & INFO_INVALID != 0 => Some(Provenance::Invalid),
        flags if flags & INFO_FOREIGN != 0 => Some(Provenance::Foreign),
        flags if flags & INFO_IMPLAUSIBLE != 0 => Some(Provenance::Implausible),
        flags if flags & INFO_HAS_ADDR != 0 => Some(Provenance::Toa),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(flags: u32, peer_port: u16) -> Vec<u8> {
        let client: Ipv6Addr = "::ffff:203.0.113.7".parse().unwrap();
        let mut bytes = client.octets().to_vec();
        bytes.extend(12345u16.to_be_bytes());
        bytes.extend(peer_port.to_be_bytes());
        bytes.extend([254, 8]);
        bytes.extend((flags as u16).to_ne_bytes());
        bytes.extend(99u32.to_ne_bytes());
        bytes.extend(7u32.to_ne_bytes());
        bytes
    }

    #[test]
    fn each_outcome_is_read_and_only_a_believed_one_names_a_client() {
        for (flags, outcome) in [
            (INFO_HAS_ADDR, Provenance::Toa),
            (INFO_HAS_ADDR | INFO_HAS_VIRTUAL, Provenance::Toa),
            (INFO_FOREIGN, Provenance::Foreign),
            (INFO_UNTRUSTED, Provenance::Untrusted),
            (INFO_INVALID, Provenance::Invalid),
            (INFO_IMPLAUSIBLE, Provenance::Implausible),
            (INFO_IMPLAUSIBLE | INFO_HAS_ADDR, Provenance::Implausible),
        ] {
            let stored = Stored::read(&bytes(flags, 4711), 4711).unwrap();
            let believed = outcome == Provenance::Toa;
            let client = believed.then(|| "203.0.113.7:12345".parse().unwrap());
            assert_eq!((stored.outcome, stored.client), (outcome, client));
            assert_eq!((stored.kind, stored.len), (Some(254), Some(8)));
            assert_eq!((stored.opened, stored.scope), (99, 7));
            assert_eq!(stored.has_virtual, flags & INFO_HAS_VIRTUAL != 0);
        }
        assert_eq!(Stored::read(&bytes(0, 4711), 4711), None);
    }

    #[test]
    fn what_the_client_asked_for_is_read_with_its_port() {
        let addr: Ipv6Addr = "::ffff:10.0.8.208".parse().unwrap();
        let value = [&addr.octets()[..], &443u16.to_be_bytes(), &[0, 0]].concat();
        assert_eq!(
            read_virtual(&value),
            Some("10.0.8.208:443".parse().unwrap())
        );
        assert_eq!(read_virtual(&value[..19]), None);
    }

    #[test]
    fn what_an_earlier_connection_left_and_other_lengths_are_not_read() {
        let stored = bytes(INFO_HAS_ADDR, 4711);
        assert_eq!(Stored::read(&stored, 4712), None);
        assert_eq!(Stored::read(&stored[..LEN - 1], 4711), None);
        assert_eq!(Stored::read(&[&stored[..], &[0; 4]].concat(), 4711), None);
        assert_eq!(Stored::read(&[], 4711), None);
    }
}
