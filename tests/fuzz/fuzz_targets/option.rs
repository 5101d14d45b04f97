//! The option codec: total on any input, and what it finds is what was written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use toa_core::OptionKinds;
use toa_core::option::{Parsed, ToaOption, is_client_address, parse};

fuzz_target!(|options: &[u8]| {
    let kinds = OptionKinds::default();
    let (Parsed::Found(found) | Parsed::Implausible(found)) = parse(options, &kinds) else {
        return;
    };
    assert!(kinds.contains(found.kind));
    assert!(is_client_address(toa_core::to_mapped(found.client).ip()));

    // Its bytes stand in the list, as 8 or as 20 of them, and nothing that is put
    // behind the list makes another one count.
    let short = found.encode();
    let mapped = toa_core::to_mapped(found.client).into();
    let long = ToaOption {
        client: mapped,
        ..found
    }
    .encode();
    let stands = |bytes: &[u8]| options.windows(bytes.len()).any(|window| window == bytes);
    assert!(stands(&short) || stands(&long));
    assert_eq!(parse(&short, &kinds), Parsed::Found(found));
    assert_eq!(parse(&long, &kinds), Parsed::Found(found));

    let mut longer = options.to_vec();
    longer.extend([254, 0, 253, 255]);
    let parsed = parse(&longer, &kinds);
    assert!([Parsed::Found(found), Parsed::Implausible(found)].contains(&parsed));

    let is_implausible = parse(options, &kinds) == Parsed::Implausible(found);
    assert_eq!(is_implausible, !is_plausible(options, &kinds));
});

/// The rule once more, from the whole list rather than on the way through it.
fn is_plausible(options: &[u8], kinds: &OptionKinds) -> bool {
    let mut rest = options;
    let (mut size, mut stamps, mut others) = (0, 0, 0);
    while let [kind, after @ ..] = rest {
        let len = after.first().map_or(1, |&len| usize::from(len));
        let step = match *kind {
            0 | 1 => 1,
            kind if size == 0 && kinds.contains(kind) && (len == 8 || len == 20) => {
                size = len;
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
