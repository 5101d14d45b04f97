//! The option codec: total on any input, and what it finds is what was written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use toa_core::OptionKinds;
use toa_core::option::{Parsed, ToaOption, is_client_address, parse};

fuzz_target!(|options: &[u8]| {
    let kinds = OptionKinds::default();
    let Parsed::Found(found) = parse(options, &kinds) else {
        return;
    };
    assert!(kinds.contains(found.kind));
    assert!(is_client_address(toa_core::to_mapped(found.client).ip()));

    // Its bytes stand in the list, as 8 or as 20 of them, and nothing that is put
    // behind the list takes it back.
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
    assert_eq!(parse(&longer, &kinds), Parsed::Found(found));
});
