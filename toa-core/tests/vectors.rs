//! The parser's test vectors, which the eBPF program and the kernel module obey as
//! well, and the properties that no table can hold.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::net::SocketAddr;

use proptest::prelude::*;
use toa_core::option::{MAX_OPTIONS_LEN, Parsed, ToaOption, is_client_address, parse};
use toa_core::{OptionFormat, OptionFormats};

const VECTORS: &str = include_str!("toa-options.txt");

fn bytes(hex: &str) -> Vec<u8> {
    let hex = hex.trim_start_matches('-');
    (0..hex.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap())
        .collect()
}

fn addr(ip: &str, port: &str) -> SocketAddr {
    SocketAddr::new(ip.parse().unwrap(), port.parse().unwrap())
}

/// What was found, as the table writes it.
fn shown(parsed: Parsed) -> String {
    let option = |option: ToaOption| {
        let (kind, client) = (option.kind(), option.client());
        let to = option
            .virtual_addr()
            .map_or_else(String::new, |to| format!(" to {} {}", to.ip(), to.port()));
        format!("{kind} {} {}{to}", client.ip(), client.port())
    };
    match parsed {
        Parsed::Absent => "none".to_owned(),
        Parsed::Invalid => "invalid".to_owned(),
        Parsed::Foreign { kind, len } => format!("foreign {kind} {len}"),
        Parsed::Found(found) => option(found),
        Parsed::Implausible(found) => format!("implausible {}", option(found)),
    }
}

#[test]
fn every_vector_is_answered_as_written() {
    let mut formats = OptionFormats::default();
    let mut count = 0;
    for line in VECTORS.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (options, expected) = match words.as_slice() {
            [] | ["#", ..] => continue,
            ["@formats", names] => {
                formats = names.parse().unwrap();
                continue;
            }
            [_, options, expected @ ..] if !expected.is_empty() => (options, expected.join(" ")),
            _ => panic!("not a vector: {line}"),
        };
        let options = bytes(options);
        assert!(
            options.len() <= MAX_OPTIONS_LEN && options.len().is_multiple_of(4),
            "{line}"
        );
        assert_eq!(shown(parse(&options, &formats)), expected, "{line}");
        count += 1;
    }
    assert!(count >= 180, "only {count} vectors were read");
}

/// What the laptop balancer writes in each format.
#[test]
fn what_is_written_in_a_format_is_read_in_it_and_foreign_or_none_in_others() {
    let vip4 = addr("10.0.8.208", "443");
    let vip6 = addr("2001:db8::80", "443");
    let client4 = addr("203.0.113.7", "12345");
    let client6 = addr("2001:db8::7", "12345");
    for (format, client, vip, expected) in [
        (OptionFormat::Toa, client4, vip4, "254 203.0.113.7 12345"),
        (
            OptionFormat::ToaAt(200),
            client6,
            vip4,
            "200 2001:db8::7 12345",
        ),
        (
            OptionFormat::Vtoa,
            client4,
            vip4,
            "252 203.0.113.7 12345 to 10.0.8.208 443",
        ),
        (OptionFormat::Vtoa, client4, vip6, "252 203.0.113.7 12345"),
        (
            OptionFormat::Vtoa,
            client6,
            vip6,
            "249 2001:db8::7 12345 to 2001:db8::80 0",
        ),
        (OptionFormat::Vtoa, client6, vip4, "249 2001:db8::7 12345"),
        (OptionFormat::Cip, client4, vip4, "28 203.0.113.7 0"),
        (OptionFormat::Cip, client6, vip6, "28 2001:db8::7 0"),
        (
            OptionFormat::Ttgw,
            client4,
            vip4,
            "254 203.0.113.7 12345 to 10.0.8.208 443",
        ),
    ] {
        let option = ToaOption::in_format(format, client, vip).unwrap();
        let encoded = option.encode();
        assert!(encoded.len().is_multiple_of(4));
        let formats = OptionFormats::new([format]).unwrap();
        let parsed = parse(&encoded, &formats);
        assert_eq!(parsed, Parsed::Found(option), "{format}");
        assert_eq!(shown(parsed), expected, "{format}");
        let other = "toa@77".parse().unwrap();
        assert_eq!(parse(&encoded, &other), Parsed::Absent, "{format}");
    }
    assert_eq!(
        ToaOption::in_format(OptionFormat::Ttgw, client6, vip6),
        None
    );
    let std::net::SocketAddr::V4(vip) = vip4 else {
        unreachable!()
    };
    let pair = ToaOption::new(254, client4).with_vip(vip);
    let vtoa = "vtoa".parse().unwrap();
    assert_eq!(parse(&pair.encode(), &vtoa), Parsed::Found(pair));
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
        for formats in ["toa", "vtoa", "cip", "ttgw", "toa,vtoa,cip,ttgw"] {
            let _ = parse(&options, &formats.parse().unwrap());
        }
    }

    #[test]
    fn what_is_encoded_is_found_where_there_was_room_for_another(
        client in client(),
        nops in 0usize..20,
        garbage: Vec<u8>,
    ) {
        let option = ToaOption::new(254, client);
        let mut options = vec![1; nops];
        options.extend_from_slice(&option.encode());
        options.extend(garbage);
        let parsed = parse(&options, &OptionFormats::default());
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
        let option = ToaOption::new(254, client);
        let encoded = option.encode();
        let timestamps: Vec<u8> = [1, 1, 8, 10].into_iter().chain(stamps).collect();
        let list = |rest: &[u8]| match first {
            true => [&encoded[..], rest].concat(),
            false => [rest, &encoded[..]].concat(),
        };
        let formats = OptionFormats::default();
        prop_assert_eq!(parse(&list(&timestamps), &formats), Parsed::Found(option));
        let full = list(&rest);
        let is_found = parse(&full, &formats) == Parsed::Found(option);
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
        let formats = OptionFormats::new([OptionFormat::ToaAt(kind)]).unwrap();
        if let Parsed::Found(found) = parse(&options, &formats) {
            prop_assert_eq!(found.kind(), kind);
            prop_assert!(options.contains(&kind));
        }
    }
}
