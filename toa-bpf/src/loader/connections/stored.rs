//! `struct toa_conn` of `bpf/table.h`.

use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};

use toa_core::abi::{INFO_HAS_ADDR, INFO_IMPLAUSIBLE, INFO_INVALID, INFO_UNTRUSTED};
use toa_core::{Provenance, to_canonical};

/// The size is that of `Object::CONNS_LAYOUT`, which tells the layouts apart.
const LEN: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) outcome: Provenance,
    pub(crate) client: Option<SocketAddr>,
    pub(crate) kind: Option<u8>,
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
            _,
            _,
            _,
            f0,
            f1,
            f2,
            f3,
            s0,
            s1,
            s2,
            s3,
        ] = *value;
        let client: [u8; 16] = client;
        if u16::from_be_bytes([q0, q1]) != peer_port {
            return None;
        }
        let flags = u32::from_ne_bytes([f0, f1, f2, f3]);
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
            kind: is_believed.then_some(kind),
            scope: u32::from_ne_bytes([s0, s1, s2, s3]),
        })
    }
}

/// `None` where no option was found.
pub(crate) fn outcome(flags: u32) -> Option<Provenance> {
    match flags {
        // Whatever else stands there: refused is refused.
        _ if flags & INFO_UNTRUSTED != 0 => Some(Provenance::Untrusted),
        _ if flags & INFO_INVALID != 0 => Some(Provenance::Invalid),
        _ if flags & INFO_IMPLAUSIBLE != 0 => Some(Provenance::Implausible),
        _ if flags & INFO_HAS_ADDR != 0 => Some(Provenance::Toa),
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
        bytes.extend([254, 0, 0, 0]);
        bytes.extend(flags.to_ne_bytes());
        bytes.extend(7u32.to_ne_bytes());
        bytes
    }

    #[test]
    fn each_outcome_is_read_and_only_a_believed_one_names_a_client() {
        for (flags, outcome) in [
            (INFO_HAS_ADDR, Provenance::Toa),
            (INFO_UNTRUSTED, Provenance::Untrusted),
            (INFO_INVALID, Provenance::Invalid),
            (INFO_IMPLAUSIBLE, Provenance::Implausible),
            (INFO_IMPLAUSIBLE | INFO_HAS_ADDR, Provenance::Implausible),
        ] {
            let stored = Stored::read(&bytes(flags, 4711), 4711).unwrap();
            let believed = outcome == Provenance::Toa;
            let client = believed.then(|| "203.0.113.7:12345".parse().unwrap());
            assert_eq!((stored.outcome, stored.client), (outcome, client));
            assert_eq!((stored.kind, stored.scope), (believed.then_some(254), 7));
        }
        assert_eq!(Stored::read(&bytes(0, 4711), 4711), None);
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
