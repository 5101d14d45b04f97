//! What a source makes of each format, by the vectors that all parsers share.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod host;

use std::net::SocketAddrV6;

use host::{Host, ask};
use toa_bpf::attach;
use toa_core::abi::{self, ToaInfo};
use toa_core::to_canonical;

const VECTORS: &str = include_str!("toa-options.txt");
const BALANCER: [u8; 4] = [192, 168, 7, 7];
const STRANGER: [u8; 4] = [198, 51, 100, 7];

fn bytes(hex: &str) -> Vec<u8> {
    let hex = hex.trim_start_matches('-');
    (0..hex.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap())
        .collect()
}

/// The answer, as the vectors write it; what is refused has no address.
fn shown(info: &ToaInfo) -> String {
    let addr = |addr: SocketAddrV6| {
        let addr = to_canonical(addr);
        format!("{} {}", addr.ip(), addr.port())
    };
    let (kind, len) = (info.kind().unwrap_or(0), info.option_len().unwrap_or(0));
    if let Some(client) = info.client() {
        let to = info.virtual_addr();
        let to = to.map_or_else(String::new, |to| format!(" to {}", addr(to)));
        return format!("{kind} {}{to}", addr(client));
    }
    for (flag, word) in [
        (abi::INFO_FOREIGN, format!("foreign {kind} {len}")),
        (abi::INFO_INVALID, "invalid".to_owned()),
        (abi::INFO_IMPLAUSIBLE, "implausible".to_owned()),
        (abi::INFO_UNTRUSTED, "untrusted".to_owned()),
    ] {
        if info.has(flag) {
            return word;
        }
    }
    "none".to_owned()
}

#[test]
fn each_vector_is_answered_and_counted_as_written() {
    let Some(host) = Host::enter_or_skip() else {
        return;
    };
    let listener = host.listener();
    let mut count = 0;
    for section in VECTORS.split("\n@formats ").skip(1) {
        let (formats, vectors) = section.split_once('\n').unwrap();
        let config = host.config().with_formats(formats.parse().unwrap());
        let source = attach(&config).unwrap();
        let mut expected_counters = [0; 5];
        for line in vectors.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [name, options, expected @ ..] = words.as_slice() else {
                continue;
            };
            // The kernel checks the values of timestamps: the conformance suite has right ones.
            if name.starts_with('#') || options.contains("080a") {
                continue;
            }
            let expected = match expected {
                ["implausible", ..] => "implausible".to_owned(),
                expected => expected.join(" "),
            };
            let (stream, ..) = host.open(&listener, BALANCER, &bytes(options));
            assert_eq!(shown(&ask(&stream)), expected, "{formats}: {line}");
            let (stranger, ..) = host.open(&listener, STRANGER, &bytes(options));
            let of_stranger = match expected.as_str() {
                "none" => "none",
                // It is no claim.
                foreign if foreign.starts_with("foreign") => foreign,
                _ => "untrusted",
            };
            assert_eq!(shown(&ask(&stranger)), of_stranger, "{formats}: {line}");
            for shown in [expected.as_str(), of_stranger] {
                let counters = ["foreign", "invalid", "implausible", "untrusted", "none"];
                let counter = counters.iter().position(|&name| shown.starts_with(name));
                if let Some(counter) = counter {
                    expected_counters[counter] += 1;
                }
            }
            count += 1;
        }
        let counters = source.status().unwrap().counters;
        let counted = [
            counters.foreign,
            counters.invalid,
            counters.implausible,
            counters.untrusted,
            counters.not_sent,
        ];
        assert_eq!(counted, expected_counters, "{formats}");
        assert_eq!(source.status().unwrap().formats, config.formats);
    }
    assert!(count >= 150, "only {count} vectors were sent");
}
