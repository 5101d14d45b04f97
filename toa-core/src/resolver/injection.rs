//! The resolver against a kernel that fails in every way there is.

use std::net::{Ipv6Addr, SocketAddrV6, TcpListener};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::abi::{
    INFO_HAS_ADDR, INFO_IMPLAUSIBLE, INFO_INVALID, INFO_TRUST_ENFORCED, INFO_UNTRUSTED,
    TOA_SO_GET_INFO, TOA_SO_GET_LOOKUP,
};
use crate::client_addr::Provenance;
use crate::option::is_client_address;
use crate::sys::fake::{self, Reply};
use crate::trust::TrustedPeers;

const INFO: i32 = TOA_SO_GET_INFO;
const LOOKUP: i32 = TOA_SO_GET_LOOKUP;

fn balancer() -> SocketAddrV6 {
    "[::ffff:10.0.0.9]:5000".parse().unwrap()
}

/// A resolver that knows of this source, and may put the other question only after a second.
fn knowing(source: SourceKind, policy: &Policy) -> Resolver {
    let resolver = Resolver::new().with_policy(policy.clone());
    resolver.source.store(source as u8, Ordering::Relaxed);
    resolver.may_ask_both();
    resolver
}

fn resolve(resolver: &Resolver, script: &[(i32, Reply)]) -> ClientAddr {
    fake::script(script.iter().cloned());
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    resolver.resolve(&socket, balancer().into())
}

#[test]
fn with_every_errno_the_client_is_the_peer_and_the_reason_is_told() {
    use SourceKind::{Absent, Ebpf, ThirdParty};
    let policy = Policy::new().with_trusted_peers(TrustedPeers::insecure_any());
    for errno in 1..=133 {
        let (by_lookup, seen) = match errno {
            libc::ENOPROTOOPT => (Provenance::NoSource, Some(Absent)),
            libc::EINVAL | libc::ENOTCONN => (Provenance::NotSent, Some(ThirdParty)),
            libc::EFAULT => (Provenance::FromAccept, Some(ThirdParty)),
            errno => (Provenance::Failed(errno), None),
        };
        for source in [Absent, Ebpf, ThirdParty] {
            let (asked, reason, after) = match source {
                // 4097 alone says nothing of a third-party module.
                Absent if errno == libc::ENOPROTOOPT => (&[INFO][..], by_lookup, source),
                Absent => (&[INFO][..], Provenance::Failed(errno), source),
                Ebpf => (&[INFO, LOOKUP][..], by_lookup, seen.unwrap_or(source)),
                _ => (&[LOOKUP][..], by_lookup, seen.unwrap_or(source)),
            };
            let script: Vec<_> = asked.iter().map(|&name| (name, Err(errno))).collect();
            let resolver = knowing(source, &policy);
            let answer = resolve(&resolver, &script);
            let expected = ClientAddr::from_peer(balancer(), reason);
            assert_eq!(answer, expected, "errno {errno}, {source:?}");
            assert_eq!(fake::asked(), asked, "errno {errno}, {source:?}");
            assert_eq!(resolver.source(), after, "errno {errno}, {source:?}");
        }
    }
}

#[test]
fn a_source_is_detected_by_no_errno_but_those_of_a_module() {
    for errno in 1..=133 {
        fake::script([(INFO, Err(errno)), (LOOKUP, Err(errno))]);
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let expected = match errno {
            libc::EINVAL | libc::ENOTCONN | libc::EFAULT => SourceKind::ThirdParty,
            _ => SourceKind::Absent,
        };
        assert_eq!(Resolver::new().detect(&socket), expected, "errno {errno}");
    }
}

/// An answer as the kernel may write it: noise, or nearly what it should be.
fn reply() -> impl Strategy<Value = Reply> {
    let near = (
        vec(any::<u8>(), 48),
        select(vec![0u16, 1, 2, u16::MAX]),
        0u32..128,
        select(vec![20usize, 48, 48, 48, 49, 19, 47]),
        select(vec![
            "2001:db8::7",
            "::ffff:203.0.113.7",
            "::",
            "::1",
            "::ffff:127.0.0.1",
        ]),
        select(vec!["::ffff:10.0.0.9", "2001:db8::9", "::"]),
    )
        .prop_map(|(mut bytes, version, flags, len, client, peer)| {
            let ip = |text: &str| text.parse::<Ipv6Addr>().unwrap().octets();
            if len == 20 {
                bytes[..16].copy_from_slice(&ip(client));
            } else {
                bytes[..2].copy_from_slice(&version.to_ne_bytes());
                bytes[4..8].copy_from_slice(&flags.to_ne_bytes());
                bytes[8..24].copy_from_slice(&ip(client));
                bytes[24..40].copy_from_slice(&ip(peer));
            }
            bytes.resize(len, 0);
            Ok(bytes)
        });
    prop_oneof![
        4 => near,
        2 => vec(any::<u8>(), 0..=64).prop_map(Ok),
        1 => select(vec![0usize, 8, 16, 20, 28, 48, 64, 4096]).prop_map(|len| Ok(vec![0; len])),
        1 => (1i32..=133).prop_map(Err),
    ]
}

fn policy() -> impl Strategy<Value = Policy> {
    select(vec!["source", "private", "any", "none", "2001:db8::/32"])
        .prop_map(|text| text.parse().unwrap())
}

/// Where these bytes, by themselves, allow `client` to be told; read by offset.
fn allows(name: i32, bytes: &[u8], client: SocketAddrV6, policy: &Policy) -> bool {
    let ip = |at: usize| Ipv6Addr::from(<[u8; 16]>::try_from(&bytes[at..at + 16]).unwrap());
    let port = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
    let (addr, peer, enforced) = match (name, bytes.len()) {
        (LOOKUP, 20) => ((ip(0), port(16)), *balancer().ip(), false),
        (INFO, 48) => {
            let flags = u32::from_ne_bytes(bytes[4..8].try_into().unwrap());
            let refused = flags & (INFO_UNTRUSTED | INFO_INVALID | INFO_IMPLAUSIBLE) != 0;
            if bytes[..2] == [0, 0] || flags & INFO_HAS_ADDR == 0 || refused {
                return false;
            }
            let peer = if ip(24).is_unspecified() {
                *balancer().ip()
            } else {
                ip(24)
            };
            ((ip(8), port(40)), peer, flags & INFO_TRUST_ENFORCED != 0)
        }
        _ => return false,
    };
    let trusted = match policy.trusted_peers() {
        Some(peers) => peers.contains(peer.into()),
        None => enforced || TrustedPeers::private().contains(peer.into()),
    };
    addr == (*client.ip(), client.port()) && is_client_address(client.ip()) && trusted
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn whatever_the_kernel_writes_no_client_is_made_of_it_that_does_not_stand_there(
        source in select(vec![SourceKind::Absent, SourceKind::Ebpf, SourceKind::ThirdParty]),
        may_ask_both in any::<bool>(),
        replies in vec(reply(), 2),
        policy in policy(),
    ) {
        let resolver = knowing(source, &policy);
        if may_ask_both {
            resolver.ask_both_from.store(0, Ordering::Relaxed);
        }
        let order = match source {
            SourceKind::ThirdParty if !may_ask_both => [LOOKUP, INFO],
            _ => [INFO, LOOKUP],
        };
        let script: Vec<_> = order.into_iter().zip(replies).collect();
        let answer = resolve(&resolver, &script);
        let asked = fake::asked().len();
        let most = if may_ask_both || source == SourceKind::Ebpf { 2 } else { 1 };
        prop_assert!((1..=most).contains(&asked));
        if answer.is_from_toa() {
            prop_assert!(script[..asked].iter().any(|(name, reply)| {
                matches!(reply, Ok(bytes) if allows(*name, bytes, answer.client(), &policy))
            }), "{answer:?} of {script:?}");
        } else {
            prop_assert_eq!(answer.client(), answer.peer());
        }
    }
}
