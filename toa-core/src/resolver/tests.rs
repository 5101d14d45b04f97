//! The resolver against a kernel that answers from a script.

use std::net::{SocketAddrV6, TcpListener};

use super::*;
use crate::abi::{INFO_HAS_ADDR, INFO_TRUST_ENFORCED, TOA_SO_GET_INFO, TOA_SO_GET_LOOKUP};
use crate::client_addr::Provenance;
use crate::sys::fake::{self, Reply};

const INFO: i32 = TOA_SO_GET_INFO;
const LOOKUP: i32 = TOA_SO_GET_LOOKUP;

fn client() -> SocketAddrV6 {
    "[2001:db8::7]:41234".parse().unwrap()
}

fn balancer() -> SocketAddr {
    "10.0.0.9:5000".parse().unwrap()
}

/// `struct toa_info`, written down byte by byte as a kernel would.
fn info(has_addr: bool) -> Reply {
    let flags = INFO_TRUST_ENFORCED | if has_addr { INFO_HAS_ADDR } else { 0 };
    let mut bytes = vec![0; 48];
    bytes[0..2].copy_from_slice(&1u16.to_ne_bytes());
    bytes[2] = crate::abi::SOURCE_EBPF;
    bytes[4..8].copy_from_slice(&flags.to_ne_bytes());
    if has_addr {
        bytes[3] = 254;
        bytes[8..24].copy_from_slice(&client().ip().octets());
        bytes[40..42].copy_from_slice(&client().port().to_be_bytes());
    }
    bytes[34..36].copy_from_slice(&[0xff, 0xff]);
    bytes[36..40].copy_from_slice(&[10, 0, 0, 9]);
    bytes[42..44].copy_from_slice(&5000u16.to_be_bytes());
    Ok(bytes)
}

fn lookup() -> Reply {
    let mut bytes = client().ip().octets().to_vec();
    bytes.extend(client().port().to_be_bytes());
    bytes.extend([0xde, 0xad]);
    Ok(bytes)
}

fn resolver(source: SourceKind) -> Resolver {
    Resolver::expecting(source, Policy::default())
}

/// Resolves one connection against the script and checks that it was used up.
fn resolve(resolver: &Resolver, script: &[(i32, Reply)]) -> ClientAddr {
    fake::script(script.iter().cloned());
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let answer = resolver.resolve(&socket, balancer());
    let names: Vec<i32> = script.iter().map(|(name, _)| *name).collect();
    assert_eq!(fake::asked(), names);
    answer
}

#[test]
fn in_a_steady_state_each_connection_costs_one_call() {
    use Provenance::{Accept, NoSource, NotSent, Toa};
    use SourceKind::{None, Own, ThirdParty};
    for (source, name, reply, provenance) in [
        (Own, INFO, info(true), Toa),
        (Own, INFO, info(false), NotSent),
        (ThirdParty, LOOKUP, lookup(), Toa),
        (ThirdParty, LOOKUP, Err(libc::EINVAL), NotSent),
        (ThirdParty, LOOKUP, Err(libc::ENOTCONN), NotSent),
        (ThirdParty, LOOKUP, Err(libc::EFAULT), Accept),
        (None, LOOKUP, Err(libc::ENOPROTOOPT), NoSource),
    ] {
        let resolver = resolver(source);
        let answer = resolve(&resolver, &[(name, reply)]);
        assert_eq!(answer.provenance(), provenance);
        assert_eq!(resolver.source(), source);
    }
}

#[test]
fn a_source_that_appears_is_picked_up_with_its_first_connection() {
    for (first, provenance) in [
        (lookup(), Provenance::Toa),
        (Err(libc::EINVAL), Provenance::NotSent),
    ] {
        let has_addr = first.is_ok();
        let own = resolver(SourceKind::None);
        let answer = resolve(&own, &[(LOOKUP, first.clone()), (INFO, info(has_addr))]);
        assert_eq!(
            (answer.provenance(), own.source()),
            (provenance, SourceKind::Own)
        );

        let third = resolver(SourceKind::None);
        let answer = resolve(&third, &[(LOOKUP, first), (INFO, Err(libc::ENOPROTOOPT))]);
        assert_eq!(
            (answer.provenance(), third.source()),
            (provenance, SourceKind::ThirdParty)
        );
    }
}

#[test]
fn a_source_that_goes_or_is_exchanged_costs_no_address() {
    let gone = resolver(SourceKind::Own);
    let none = Err(libc::ENOPROTOOPT);
    let answer = resolve(&gone, &[(INFO, none.clone()), (LOOKUP, none.clone())]);
    assert_eq!(answer.provenance(), Provenance::NoSource);
    assert_eq!(gone.source(), SourceKind::None);

    let exchanged = resolver(SourceKind::Own);
    let answer = resolve(&exchanged, &[(INFO, none), (LOOKUP, lookup())]);
    assert_eq!(answer.client(), client());
    assert_eq!(exchanged.source(), SourceKind::ThirdParty);
}

#[test]
fn a_third_party_module_that_ours_replaces_is_noticed_within_a_second() {
    let mut resolver = resolver(SourceKind::ThirdParty);
    resolve(&resolver, &[(LOOKUP, lookup())]);
    resolver.start -= std::time::Duration::from_secs(2);
    resolve(&resolver, &[(INFO, info(true))]);
    assert_eq!(resolver.source(), SourceKind::Own);
}

#[test]
fn an_unforeseen_errno_is_passed_on_and_no_client_is_made_up() {
    for errno in (1..134).filter(|errno| {
        ![
            libc::EINVAL,
            libc::EFAULT,
            libc::ENOTCONN,
            libc::ENOPROTOOPT,
        ]
        .contains(errno)
    }) {
        let resolver = resolver(SourceKind::None);
        let answer = resolve(&resolver, &[(LOOKUP, Err(errno))]);
        assert_eq!(answer.provenance(), Provenance::Failed(errno));
        assert_eq!(answer.client(), to_mapped(balancer()));
        assert_eq!(resolver.source(), SourceKind::None);
    }
}

#[test]
fn a_short_answer_is_no_answer() {
    for len in 0..20 {
        let answer = resolve(&resolver(SourceKind::None), &[(LOOKUP, Ok(vec![1; len]))]);
        assert_eq!(answer.provenance(), Provenance::Failed(0));
    }
    for len in 0..48 {
        let answer = resolve(
            &resolver(SourceKind::Own),
            &[(INFO, Ok(vec![1; len])), (LOOKUP, Err(libc::ENOPROTOOPT))],
        );
        assert_eq!(answer.provenance(), Provenance::NoSource);
    }
}

#[test]
fn the_source_is_detected_through_a_listening_socket() {
    let none = Err(libc::ENOPROTOOPT);
    for (script, expected) in [
        (vec![(INFO, info(false))], SourceKind::Own),
        (
            vec![(INFO, none.clone()), (LOOKUP, none.clone())],
            SourceKind::None,
        ),
        (
            vec![(INFO, none.clone()), (LOOKUP, Err(libc::ENOTCONN))],
            SourceKind::ThirdParty,
        ),
        (
            vec![(INFO, none.clone()), (LOOKUP, Err(libc::EFAULT))],
            SourceKind::ThirdParty,
        ),
        (
            vec![(INFO, none), (LOOKUP, Err(libc::EINVAL))],
            SourceKind::ThirdParty,
        ),
    ] {
        fake::script(script);
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(Resolver::default().detect(&socket), expected);
    }
}
