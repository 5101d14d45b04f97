//! The resolver against a kernel that answers from a script.

use std::net::{SocketAddrV6, TcpListener, TcpStream};
use std::time::Duration;

use super::*;
use crate::abi::{INFO_HAS_ADDR, INFO_TRUST_ENFORCED, TOA_SO_GET_INFO, TOA_SO_GET_LOOKUP};
use crate::client_addr::Provenance::{self, FromAccept, NoSource, NotSent, Toa};
use crate::sys::fake::{self, Reply};

const INFO: i32 = TOA_SO_GET_INFO;
const LOOKUP: i32 = TOA_SO_GET_LOOKUP;
const NONE: Reply = Err(libc::ENOPROTOOPT);

fn client() -> SocketAddrV6 {
    "[2001:db8::7]:41234".parse().unwrap()
}

fn balancer() -> SocketAddr {
    "10.0.0.9:5000".parse().unwrap()
}

/// `struct toa_info`, written down byte by byte as a kernel would.
fn info_from(source: u8, has_addr: bool) -> Reply {
    let flags = INFO_TRUST_ENFORCED | if has_addr { INFO_HAS_ADDR } else { 0 };
    let mut bytes = vec![0; 48];
    bytes[0..2].copy_from_slice(&1u16.to_ne_bytes());
    bytes[2] = source;
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

fn info(has_addr: bool) -> Reply {
    info_from(crate::abi::SOURCE_EBPF, has_addr)
}

fn lookup() -> Reply {
    let mut bytes = client().ip().octets().to_vec();
    bytes.extend(client().port().to_be_bytes());
    bytes.extend([0xde, 0xad]);
    Ok(bytes)
}

/// A resolver that has just seen the answers of this source, and put both questions
/// less than a second ago.
fn resolver(source: SourceKind) -> Resolver {
    let resolver = Resolver::new();
    let script = match source {
        SourceKind::Ebpf | SourceKind::Module => vec![(INFO, info_from(source as u8, false))],
        SourceKind::ThirdParty => vec![(INFO, NONE), (LOOKUP, Err(libc::EINVAL))],
        SourceKind::Absent => vec![(INFO, NONE), (LOOKUP, NONE)],
    };
    resolve(&resolver, &script);
    assert_eq!(resolver.source(), source);
    resolver
}

/// As if a second had passed.
fn a_second_later(mut resolver: Resolver) -> Resolver {
    resolver.start = resolver.start.checked_sub(Duration::from_secs(1)).unwrap();
    resolver
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
    use SourceKind::{Absent, Ebpf, Module, ThirdParty};
    for (source, name, reply, provenance) in [
        (Ebpf, INFO, info(true), Toa),
        (Ebpf, INFO, info(false), NotSent),
        (Module, INFO, info_from(2, true), Toa),
        (ThirdParty, LOOKUP, lookup(), Toa),
        (ThirdParty, LOOKUP, Err(libc::EINVAL), NotSent),
        (ThirdParty, LOOKUP, Err(libc::ENOTCONN), NotSent),
        (ThirdParty, LOOKUP, Err(libc::EFAULT), FromAccept),
        (Absent, INFO, NONE, NoSource),
    ] {
        let resolver = resolver(source);
        for _ in 0..3 {
            let answer = resolve(&resolver, &[(name, reply.clone())]);
            assert_eq!(answer.provenance(), provenance);
            assert_eq!(resolver.source(), source);
        }
    }
}

#[test]
fn a_source_of_ours_that_is_loaded_later_is_right_from_the_first_connection_on() {
    for has_addr in [false, true] {
        for number in [crate::abi::SOURCE_EBPF, crate::abi::SOURCE_MODULE] {
            let resolver = resolver(SourceKind::Absent);
            let answer = resolve(&resolver, &[(INFO, info_from(number, has_addr))]);
            assert_eq!(answer.provenance(), if has_addr { Toa } else { NotSent });
            assert_eq!(resolver.source() as u8, number);
        }
    }
}

#[test]
fn a_third_party_module_that_is_loaded_later_is_noticed_within_a_second() {
    for (reply, provenance) in [
        (lookup(), Toa),
        (Err(libc::EINVAL), NotSent),
        (Err(libc::EFAULT), FromAccept),
    ] {
        let resolver = a_second_later(resolver(SourceKind::Absent));
        let answer = resolve(&resolver, &[(INFO, NONE), (LOOKUP, reply)]);
        assert_eq!(answer.provenance(), provenance);
        assert_eq!(resolver.source(), SourceKind::ThirdParty);
    }
}

#[test]
fn while_there_is_no_source_one_connection_a_second_costs_two_calls() {
    let mut resolver = resolver(SourceKind::Absent);
    for _ in 0..3 {
        resolver = a_second_later(resolver);
        resolve(&resolver, &[(INFO, NONE), (LOOKUP, NONE)]);
        resolve(&resolver, &[(INFO, NONE)]);
        resolve(&resolver, &[(INFO, NONE)]);
    }
    assert_eq!(resolver.source(), SourceKind::Absent);
}

#[test]
fn a_source_that_goes_or_is_replaced_is_noticed_with_the_first_connection() {
    for ours in [SourceKind::Ebpf, SourceKind::Module] {
        let gone = resolver(ours);
        let answer = resolve(&gone, &[(INFO, NONE), (LOOKUP, NONE)]);
        assert_eq!(answer.provenance(), NoSource);
        assert_eq!(gone.source(), SourceKind::Absent);

        let replaced = resolver(ours);
        let answer = resolve(&replaced, &[(INFO, NONE), (LOOKUP, lookup())]);
        assert_eq!(answer.client(), client());
        assert_eq!(replaced.source(), SourceKind::ThirdParty);
    }
    let gone = resolver(SourceKind::ThirdParty);
    assert_eq!(resolve(&gone, &[(LOOKUP, NONE)]).provenance(), NoSource);
    assert_eq!(gone.source(), SourceKind::Absent);
}

#[test]
fn a_source_that_is_unloaded_and_loaded_again_is_right_each_time() {
    let resolver = resolver(SourceKind::Ebpf);
    for _ in 0..3 {
        resolve(&resolver, &[(INFO, NONE), (LOOKUP, NONE)]);
        assert_eq!(resolver.source(), SourceKind::Absent);
        let answer = resolve(&resolver, &[(INFO, info(false))]);
        assert_eq!(answer.provenance(), NotSent);
    }
}

#[test]
fn a_third_party_module_that_ours_replaces_is_noticed_within_a_second() {
    let resolver = resolver(SourceKind::ThirdParty);
    resolve(&resolver, &[(LOOKUP, lookup())]);
    let resolver = a_second_later(resolver);
    resolve(&resolver, &[(INFO, info(true))]);
    assert_eq!(resolver.source(), SourceKind::Ebpf);
}

#[test]
fn a_connection_without_accepts_answer_has_the_peer_of_the_source_or_of_the_kernel() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let _stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (connection, peer) = listener.accept().unwrap();
    for (script, peer, provenance) in [
        (vec![(INFO, info(true))], balancer(), Toa),
        (vec![(INFO, info(false))], balancer(), NotSent),
        (vec![(INFO, NONE), (LOOKUP, NONE)], peer, NoSource),
        (
            vec![(INFO, NONE), (LOOKUP, Err(libc::EFAULT))],
            peer,
            FromAccept,
        ),
    ] {
        fake::script(script);
        let answer = Resolver::new().resolve_connected(&connection).unwrap();
        assert_eq!(answer.peer_canonical(), peer);
        assert_eq!(answer.provenance(), provenance);
    }
    fake::script([(INFO, NONE), (LOOKUP, NONE)]);
    let error = Resolver::new().resolve_connected(&listener).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotConnected);
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
        for source in [SourceKind::Absent, SourceKind::Ebpf, SourceKind::ThirdParty] {
            let resolver = a_second_later(resolver(source));
            let answer = resolve(&resolver, &[(INFO, Err(errno)), (LOOKUP, Err(errno))]);
            assert_eq!(answer.provenance(), Provenance::Failed(errno));
            assert_eq!(answer.client(), to_mapped(balancer()));
            assert_eq!(resolver.source(), source);
        }
    }
}

#[test]
fn a_short_answer_is_no_answer() {
    for len in 0..20 {
        let third_party = resolver(SourceKind::ThirdParty);
        let answer = resolve(&third_party, &[(LOOKUP, Ok(vec![1; len]))]);
        assert_eq!(answer.provenance(), Provenance::Failed(0));
    }
    for len in 0..48 {
        let ours = resolver(SourceKind::Ebpf);
        let answer = resolve(&ours, &[(INFO, Ok(vec![1; len])), (LOOKUP, NONE)]);
        assert_eq!(answer.provenance(), NoSource);
    }
}

#[test]
fn the_verdict_of_another_program_is_no_source() {
    fake::script([(INFO, NONE), (LOOKUP, Err(libc::EFAULT))]);
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    assert_eq!(detect_source(&socket), SourceKind::Absent);
}

#[test]
fn the_source_is_detected_through_a_listening_socket() {
    for (script, expected) in [
        (vec![(INFO, info(false))], SourceKind::Ebpf),
        (vec![(INFO, info_from(2, false))], SourceKind::Module),
        (vec![(INFO, NONE), (LOOKUP, NONE)], SourceKind::Absent),
        (
            vec![(INFO, NONE), (LOOKUP, Err(libc::ENOTCONN))],
            SourceKind::ThirdParty,
        ),
        (
            vec![(INFO, NONE), (LOOKUP, Err(libc::EINVAL))],
            SourceKind::ThirdParty,
        ),
        (
            vec![
                (INFO, Err(libc::EOPNOTSUPP)),
                (LOOKUP, Err(libc::EOPNOTSUPP)),
            ],
            SourceKind::Absent,
        ),
    ] {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        fake::script(script.clone());
        assert_eq!(Resolver::new().detect(&socket), expected);
        fake::script(script);
        assert_eq!(detect_source(&socket), expected);
    }
}
