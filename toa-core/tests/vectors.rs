//! The parser's test vectors, which the eBPF program and the kernel module obey as
//! well, and the properties that no table can hold.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::net::SocketAddr;

use proptest::prelude::*;
use toa_core::OptionKinds;
use toa_core::option::{MAX_OPTIONS_LEN, Parsed, ToaOption, is_client_address, parse};

const VECTORS: &str = include_str!("toa-options.txt");

fn bytes(hex: &str) -> Vec<u8> {
    let hex = hex.trim_start_matches('-');
    (0..hex.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap())
        .collect()
}

fn option(kind: &str, ip: &str, port: &str) -> ToaOption {
    ToaOption {
        kind: kind.parse().unwrap(),
        client: SocketAddr::new(ip.parse().unwrap(), port.parse().unwrap()),
    }
}

#[test]
fn every_vector_is_answered_as_written() {
    let mut count = 0;
    for line in VECTORS.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (options, expected) = match words.as_slice() {
            [] | ["#", ..] => continue,
            [_, options, "none"] => (options, Parsed::Absent),
            [_, options, "invalid"] => (options, Parsed::Invalid),
            [_, options, "implausible", kind, ip, port] => {
                (options, Parsed::Implausible(option(kind, ip, port)))
            }
            [_, options, kind, ip, port] => (options, Parsed::Found(option(kind, ip, port))),
            _ => panic!("not a vector: {line}"),
        };
        let options = bytes(options);
        assert!(
            options.len() <= MAX_OPTIONS_LEN && options.len().is_multiple_of(4),
            "{line}"
        );
        assert_eq!(parse(&options, &OptionKinds::default()), expected, "{line}");
        count += 1;
    }
    assert!(count >= 100, "only {count} vectors were read");
}

fn client() -> impl Strategy<Value = SocketAddr> {
    any::<SocketAddr>()
        .prop_map(|addr| SocketAddr::new(addr.ip().to_canonical(), addr.port()))
        .prop_filter("a client's address", |addr| {
            is_client_address(toa_core::to_mapped(*addr).ip())
        })
}

proptest! {
    #[test]
    fn any_bytes_have_an_answer(options: Vec<u8>) {
        let _ = parse(&options, &OptionKinds::default());
    }

    #[test]
    fn what_is_encoded_is_found_where_there_was_room_for_another(
        client in client(),
        nops in 0usize..20,
        garbage: Vec<u8>,
    ) {
        let option = ToaOption { kind: 254, client };
        let mut options = vec![1; nops];
        options.extend_from_slice(&option.encode());
        options.extend(garbage);
        let parsed = parse(&options, &OptionKinds::default());
        let len = option.encode().len();
        if options.len() + len <= MAX_OPTIONS_LEN {
            prop_assert_eq!(parsed, Parsed::Found(option));
        } else {
            // Whatever stands behind, no other option ever counts.
            prop_assert!([Parsed::Found(option), Parsed::Implausible(option)].contains(&parsed));
        }
    }

    #[test]
    fn beyond_that_only_timestamps_and_padding_may_stand_beside_it(
        client in client(),
        first: bool,
        rest in proptest::collection::vec(any::<u8>(), 4..=MAX_OPTIONS_LEN),
        stamps: [u8; 8],
    ) {
        let option = ToaOption { kind: 254, client };
        let encoded = option.encode();
        let timestamps: Vec<u8> = [1, 1, 8, 10].into_iter().chain(stamps).collect();
        let list = |rest: &[u8]| match first {
            true => [&encoded[..], rest].concat(),
            false => [rest, &encoded[..]].concat(),
        };
        let kinds = OptionKinds::default();
        prop_assert_eq!(parse(&list(&timestamps), &kinds), Parsed::Found(option));
        let full = list(&rest);
        let is_found = parse(&full, &kinds) == Parsed::Found(option);
        if full.len() + encoded.len() > MAX_OPTIONS_LEN && is_found {
            let first = rest.iter().find(|&&byte| byte > 1);
            prop_assert_eq!(first, Some(&8));
            prop_assert_eq!(full.len(), encoded.len() + timestamps.len());
        }
    }

    #[test]
    fn an_address_is_never_made_of_an_unconfigured_kind(
        options in proptest::collection::vec(any::<u8>(), 0..=MAX_OPTIONS_LEN),
        kind in 6u8..=7,
    ) {
        let kinds = OptionKinds::new([kind]).unwrap();
        if let Parsed::Found(found) = parse(&options, &kinds) {
            prop_assert_eq!(found.kind, kind);
            prop_assert!(options.contains(&kind));
        }
    }
}
