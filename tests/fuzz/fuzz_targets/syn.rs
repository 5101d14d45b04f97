//! A SYN as the kernel keeps it: total on any input, and read where TCP begins.
#![no_main]

use std::net::IpAddr;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use toa_core::OptionFormats;
use toa_core::option::{Parsed, is_client_address, parse_syn};
use toa_core::syn::parse;

static FORMATS: LazyLock<[OptionFormats; 2]> = LazyLock::new(|| {
    let all = "toa,vtoa,cip,ttgw".parse();
    [
        OptionFormats::default(),
        all.expect("no two of them are one"),
    ]
});

fuzz_target!(|packet: &[u8]| {
    for formats in &*FORMATS {
        let Some(syn) = parse(packet, formats) else {
            continue;
        };
        // Somewhere there is a TCP header whose list says so, and that is no other segment.
        let tcp = (20..packet.len()).step_by(4).filter_map(|at| {
            let header = packet.get(at..)?;
            let len = usize::from(header.get(12)? >> 4) * 4;
            let options = header.get(20..len)?;
            (header[13] & 0x17 == 0x02).then_some((at + len, options))
        });
        let found = tcp.filter(|(_, options)| parse_syn(options, formats) == syn.option);
        let ends: Vec<usize> = found.map(|(end, _)| end).collect();
        assert!(!ends.is_empty());

        // A part of it is none, and what follows changes nothing.
        assert!(ends.iter().any(|&end| {
            parse(&packet[..end], formats) == Some(syn)
                && parse(&packet[..end - 1], formats).is_none()
        }));
        let longer = [packet, &[254, 8, 0, 80, 203, 0, 113, 7]].concat();
        assert_eq!(parse(&longer, formats), Some(syn));

        if let Parsed::Found(option) | Parsed::Implausible(option) = syn.option {
            let client = option.client().ip();
            let is_written = match client {
                IpAddr::V4(ip) => packet.windows(4).any(|bytes| bytes == ip.octets()),
                IpAddr::V6(ip) => packet.windows(16).any(|bytes| bytes == ip.octets()),
            };
            assert!(is_written);
            let mapped = toa_core::to_mapped((client, 0).into());
            assert!(is_client_address(mapped.ip()));
        }
    }
});
