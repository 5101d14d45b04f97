//! The resolver that reads SYNs, against a kernel that answers from a script.

use std::net::{SocketAddr, TcpListener};

use proptest::prelude::*;

use super::*;
use crate::abi::{TOA_SO_GET_INFO, TOA_SO_GET_LOOKUP};
use crate::resolver::Resolver;
use crate::sys::TCP_SAVED_SYN;
use crate::sys::fake::{self, Reply};

const NONE: Reply = Err(libc::ENOPROTOOPT);
const GOOD: [u8; 8] = [254, 8, 0x30, 0x39, 203, 0, 113, 7];

fn balancer() -> SocketAddr {
    "198.51.100.9:5000".parse().unwrap()
}

/// A SYN over IPv4 with these options and as many bytes of data.
fn syn(options: &[u8], data: u16) -> Vec<u8> {
    let mut packet = vec![0; 40];
    packet[0] = 0x45;
    packet[9] = 6;
    packet[32] = u8::try_from(20 + options.len()).unwrap() << 2;
    packet[33] = 2;
    packet.extend_from_slice(options);
    let len = u16::try_from(packet.len()).unwrap() + data;
    packet[2..4].copy_from_slice(&len.to_be_bytes());
    packet
}

/// Resolves one connection where no source answers and the kernel has kept this.
fn resolve(trusted: &str, policy: &str, kept: Reply) -> ClientAddr {
    let script = [
        (TOA_SO_GET_INFO, NONE),
        (TOA_SO_GET_LOOKUP, NONE),
        (TCP_SAVED_SYN, kept),
    ];
    fake::script(script.clone());
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let saved_syn = SavedSyn::insecure_trusting(trusted.parse().unwrap());
    let resolver = Resolver::from(policy.parse::<Policy>().unwrap());
    let resolver = resolver.with_saved_syn(saved_syn, &socket).unwrap();
    let client = resolver.resolve(&socket, balancer());
    assert_eq!(fake::asked(), script.map(|(name, _)| name));
    client
}

#[test]
fn each_syn_has_an_outcome_of_its_own() {
    use Provenance::{Failed, Foreign, Implausible, Invalid, NoSyn, NotSent, ToaSyn, Untrusted};
    let (ours, theirs) = ("198.51.100.0/24", "203.0.113.0/24");
    let (wrong_length, malformed) = ([254, 4, 0, 0], [254, 0, 0, 0]);
    let full = [&[254, 20, 0, 80, 0x20, 1][..], &[7; 14], &[1; 20]].concat();
    for (trusted, policy, kept, provenance) in [
        (ours, "source", Ok(syn(&GOOD, 0)), ToaSyn),
        (ours, "198.51.100.9", Ok(syn(&GOOD, 0)), ToaSyn),
        (ours, theirs, Ok(syn(&GOOD, 0)), Untrusted),
        (theirs, "source", Ok(syn(&GOOD, 0)), Untrusted),
        (theirs, ours, Ok(syn(&GOOD, 0)), Untrusted),
        ("private", "any", Ok(syn(&GOOD, 0)), Untrusted),
        ("none", "source", Ok(syn(&GOOD, 0)), Untrusted),
        (theirs, "source", Ok(syn(&malformed, 0)), Untrusted),
        (theirs, "source", Ok(syn(&wrong_length, 0)), Foreign),
        (ours, "source", Ok(syn(&GOOD, 1)), Untrusted),
        (ours, "source", Ok(syn(&malformed, 0)), Invalid),
        (ours, "source", Ok(syn(&wrong_length, 0)), Foreign),
        (ours, "source", Ok(syn(&full, 0)), Implausible),
        (ours, "source", Ok(syn(&[2, 4, 5, 180], 0)), NotSent),
        (theirs, "source", Ok(syn(&[], 0)), NotSent),
        (ours, "source", Ok(vec![]), NoSyn),
        (ours, "source", Ok(vec![7; 60]), Failed(0)),
        (ours, "source", Ok(syn(&GOOD, 0)[..47].to_vec()), Failed(0)),
        (ours, "source", Ok(vec![0; 513]), Failed(0)),
        (ours, "source", Err(libc::EINVAL), Failed(libc::EINVAL)),
    ] {
        let client = resolve(trusted, policy, kept.clone());
        assert_eq!(
            client.provenance(),
            provenance,
            "{trusted} {policy} {kept:?}"
        );
        assert_eq!(client.peer_canonical(), balancer());
        let expected = match provenance {
            ToaSyn => "203.0.113.7:12345".parse().unwrap(),
            _ => balancer(),
        };
        assert_eq!(client.client_canonical(), expected, "{kept:?}");
    }
}

#[test]
fn where_a_source_answers_the_syn_is_not_read() {
    let mut info = vec![0; 48];
    info[..2].copy_from_slice(&1u16.to_ne_bytes());
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    for script in [
        vec![(TOA_SO_GET_INFO, Ok(info))],
        vec![
            (TOA_SO_GET_INFO, NONE),
            (TOA_SO_GET_LOOKUP, Err(libc::EINVAL)),
        ],
    ] {
        fake::script(script.clone());
        let saved_syn = SavedSyn::insecure_trusting(TrustedPeers::insecure_any());
        let resolver = Resolver::new().with_saved_syn(saved_syn, &socket).unwrap();
        let client = resolver.resolve(&socket, balancer());
        assert_eq!(client.provenance(), Provenance::NotSent);
        let names: Vec<i32> = script.iter().map(|(name, _)| *name).collect();
        assert_eq!(fake::asked(), names);
    }
}

#[test]
fn only_the_configured_formats_are_read_and_what_they_carry() {
    const CIP: [u8; 8] = [28, 7, 1, 203, 0, 113, 7, 0];
    const VTOA: [u8; 20] = [
        252, 20, 0x30, 0x39, 203, 0, 113, 7, 0, 0, 0, 1, 10, 0, 8, 208, 1, 187, 0, 0,
    ];
    let peer = "peer 198.51.100.9:5000";
    for (formats, options, expected) in [
        (
            "toa",
            &GOOD[..],
            format!("203.0.113.7:12345 (toa_syn, {peer})"),
        ),
        ("toa", &CIP, "198.51.100.9:5000 (not_sent)".to_owned()),
        ("cip", &CIP, format!("203.0.113.7:0 (toa_syn, {peer})")),
        ("cip", &GOOD, "198.51.100.9:5000 (not_sent)".to_owned()),
        ("vtoa", &VTOA[..4], "198.51.100.9:5000 (invalid)".to_owned()),
        (
            "toa,vtoa",
            &VTOA,
            format!("203.0.113.7:12345 (toa_syn, {peer}, to 10.0.8.208:443)"),
        ),
    ] {
        fake::script([
            (TOA_SO_GET_INFO, NONE),
            (TOA_SO_GET_LOOKUP, NONE),
            (TCP_SAVED_SYN, Ok(syn(options, 0))),
        ]);
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let saved_syn = SavedSyn::insecure_trusting(TrustedPeers::insecure_any());
        let saved_syn = saved_syn.with_formats(formats.parse().unwrap());
        let resolver = Resolver::new().with_saved_syn(saved_syn, &socket).unwrap();
        let client = resolver.resolve(&socket, balancer());
        assert_eq!(client.to_string(), expected, "{options:?}");
    }
}

#[test]
fn a_listener_whose_syns_are_not_kept_is_refused_with_what_it_takes() {
    use std::io::ErrorKind::{InvalidInput, Unsupported};
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    for (errno, kind) in [
        (libc::ENOPROTOOPT, Unsupported),
        (libc::EOPNOTSUPP, Unsupported),
        (libc::EINVAL, InvalidInput),
    ] {
        fake::script([]);
        fake::refuse_save_syn(errno);
        let saved_syn = SavedSyn::insecure_trusting(TrustedPeers::private());
        let error = Resolver::new()
            .with_saved_syn(saved_syn, &socket)
            .unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        let told = error.to_string();
        assert!(told.starts_with("the kernel does not keep SYNs"), "{told}");
        let refused = error.get_ref().and_then(std::error::Error::source);
        assert!(refused.is_some(), "{error:?}");
    }
}

proptest! {
    #[test]
    fn no_client_is_made_of_what_is_no_syn_of_a_trusted_peer(
        kept in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..600),
            proptest::collection::vec(any::<u8>(), 0..=10)
                .prop_map(|words| syn(&words.repeat(4), 0)),
            Just(syn(&GOOD, 0)),
        ],
        trusted in proptest::sample::select(vec!["private", "any", "none", "198.51.100.9"]),
    ) {
        let client = resolve(trusted, "source", Ok(kept.clone()));
        prop_assert_eq!(client.peer_canonical(), balancer());
        if client.is_from_toa() {
            prop_assert!(trusted != "private" && trusted != "none");
            let read = syn::parse(&kept, &OptionFormats::default()).map(|syn| syn.option);
            let is_it = matches!(read, Some(Parsed::Found(it)) if it.client() == client.client_canonical());
            prop_assert!(is_it, "{:?}", read);
        } else {
            prop_assert_eq!(client.client(), client.peer());
        }
    }
}
