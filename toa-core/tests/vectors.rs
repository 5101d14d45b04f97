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

#[test]
fn every_vector_is_answered_as_written() {
    let mut count = 0;
    for line in VECTORS.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (options, expected) = match words.as_slice() {
            [] | ["#", ..] => continue,
            [_, options, "none"] => (options, Parsed::Absent),
            [_, options, "invalid"] => (options, Parsed::Invalid),
            [_, options, kind, ip, port] => {
                let client = SocketAddr::new(ip.parse().unwrap(), port.parse().unwrap());
                (
                    options,
                    Parsed::Found(ToaOption {
                        kind: kind.parse().unwrap(),
                        client,
                    }),
                )
            }
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
    assert!(count >= 70, "only {count} vectors were read");
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
    fn what_is_encoded_is_found_and_nothing_behind_takes_it_back(
        client in client(),
        nops in 0usize..20,
        garbage: Vec<u8>,
    ) {
        let option = ToaOption { kind: 254, client };
        let mut options = vec![1; nops];
        options.extend_from_slice(&option.encode());
        options.extend(garbage);
        prop_assert_eq!(parse(&options, &OptionKinds::default()), Parsed::Found(option));
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
