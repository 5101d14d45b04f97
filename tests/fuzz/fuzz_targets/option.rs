//! The option codec: total on any input, and what it finds is what was written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use toa_core::OptionFormats;
use toa_core::option::{Layout, Parsed, ToaOption, is_client_address, parse};

fuzz_target!(|options: &[u8]| {
    for formats in ["toa", "vtoa", "toa,cip,ttgw", "toa,vtoa,cip,ttgw"] {
        check(
            options,
            &formats.parse().expect("they read nothing in two ways"),
        );
    }
});

fn check(options: &[u8], formats: &OptionFormats) {
    let parsed = parse(options, formats);
    if let Parsed::Foreign { kind, len } = parsed {
        assert!(formats.contains_kind(kind) && formats.layout(kind, len.into()).is_none());
    }
    let (Parsed::Found(found) | Parsed::Implausible(found)) = parsed else {
        return;
    };
    let layout = found.layout();
    assert_eq!(
        formats.layout(found.kind(), layout.option_len()),
        Some(layout)
    );
    let client = toa_core::to_mapped(found.client());
    assert!(is_client_address(client.ip()));

    // Its bytes stand in the list, where a format has none that mean nothing, and nothing
    // that is put behind the list makes another one count.
    let encoded = found.encode();
    if matches!(
        layout,
        Layout::Toa4 | Layout::Toa6 | Layout::Cip4 | Layout::Cip6
    ) {
        let bytes = &encoded[..layout.option_len()];
        assert!(options.windows(bytes.len()).any(|window| window == bytes));
    }
    assert_eq!(parse(&encoded, formats), Parsed::Found(found));

    let mut longer = options.to_vec();
    longer.extend([254, 0, 253, 255]);
    let (Parsed::Found(same) | Parsed::Implausible(same)) = parse(&longer, formats) else {
        panic!("{found:?} is not found any more");
    };
    // A virtual address that was cut off may be whole now.
    assert_eq!((same.kind(), same.client()), (found.kind(), found.client()));

    // A virtual address beside it is the other parsers' part of the comparison.
    if formats.layout(250, 8).is_none() {
        let is_implausible = parsed == Parsed::Implausible(found);
        assert_eq!(is_implausible, !is_plausible(options, found, formats));
    }
}

/// The rule once more, from the whole list rather than on the way through it.
fn is_plausible(options: &[u8], found: ToaOption, formats: &OptionFormats) -> bool {
    let size = found.layout().option_len();
    let mut rest = options;
    let (mut is_behind, mut stamps, mut others) = (false, 0, 0);
    while let [kind, after @ ..] = rest {
        let len = after.first().map_or(1, |&len| usize::from(len));
        let step = match *kind {
            0 | 1 => 1,
            kind if !is_behind && formats.layout(kind, len).is_some() => {
                is_behind = true;
                len
            }
            8 if len == 10 && rest.len() >= 10 => {
                stamps += 1;
                10
            }
            _ => {
                others += 1;
                len.max(1)
            }
        };
        rest = rest.get(step..).unwrap_or_default();
    }
    options.len() + size <= 40
        || others == 0 && stamps <= 1 && options.len() <= size.next_multiple_of(4) + stamps * 12
}
