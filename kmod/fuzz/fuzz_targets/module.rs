// SPDX-License-Identifier: GPL-2.0-only
//! Same bytes and kinds in, same answer out of the module's parser and toa-core's.
//!
//! The input's layout: one byte (bits 0-1: how many kinds, 0 for the default ones), the
//! kinds; the rest is the option list.
#![no_main]

use std::net::SocketAddr;

use libfuzzer_sys::fuzz_target;
use toa_core::OptionKinds;
use toa_core::option::{Parsed, ToaOption, parse};

#[repr(C)]
struct Kinds([u8; 32]);

#[repr(C)]
#[derive(Default)]
struct Found {
    client: [u8; 16],
    port: [u8; 2],
    kind: u8,
    at: u8,
    size: u8,
}

unsafe extern "C" {
    fn toa_option_parse(kinds: *const Kinds, list: *const u8, len: u32, found: *mut Found) -> i32;
    fn toa_option_is_plausible(
        found: *const Found,
        list: *const u8,
        len: u32,
        timestamps: bool,
    ) -> bool;
}

/// Of a connection that has negotiated timestamps, as toa-core takes it.
fn is_plausible(found: &Found, list: &[u8], len: u32) -> bool {
    // SAFETY: both pointers are valid for the call, `list` for `len` bytes, and `found`
    // was made from it.
    unsafe { toa_option_is_plausible(&raw const *found, list.as_ptr(), len, true) }
}

fn module_parse(list: &[u8], kinds: &OptionKinds) -> Parsed {
    let mut set = Kinds([0; 32]);
    for kind in kinds.iter() {
        set.0[usize::from(kind >> 3)] |= 1 << (kind & 7);
    }
    let len = u32::try_from(list.len()).expect("the fuzzer's inputs are short");
    let mut found = Found::default();
    // SAFETY: all pointers are valid for the call, and `list` for `len` bytes.
    match unsafe { toa_option_parse(&raw const set, list.as_ptr(), len, &raw mut found) } {
        0 => Parsed::Absent,
        1 => Parsed::Invalid,
        2 => {
            let ip = std::net::Ipv6Addr::from(found.client).to_canonical();
            let client = SocketAddr::new(ip, u16::from_be_bytes(found.port));
            let option = ToaOption {
                kind: found.kind,
                client,
            };
            if is_plausible(&found, list, len) {
                Parsed::Found(option)
            } else {
                Parsed::Implausible(option)
            }
        }
        other => panic!("the module's parser answered {other}"),
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((shape, rest)) = input.split_first() else {
        return;
    };
    let Some((some_kinds, list)) = rest.split_at_checked(usize::from(shape & 3)) else {
        return;
    };
    let kinds = OptionKinds::new(some_kinds.iter().copied()).unwrap_or_default();
    // The allocation ends with the list.
    let list: Box<[u8]> = list.into();
    assert_eq!(module_parse(&list, &kinds), parse(&list, &kinds));
});
