// SPDX-License-Identifier: GPL-2.0-only
//! Same bytes and formats in, same answer out of the module's parsers and toa-core's.
//!
//! The input's layout: one byte (bits 0 to 3: toa, vtoa, cip, ttgw; bit 4: toa@KIND), the
//! kind; the rest is the option list.
#![no_main]

use std::net::{Ipv6Addr, SocketAddr};

use libfuzzer_sys::fuzz_target;
use toa_core::OptionFormats;
use toa_core::option::{Parsed, parse};

#[repr(C)]
#[derive(Clone, Copy)]
struct Text {
    at: *const u8,
    len: u32,
}

#[repr(C)]
struct Formats {
    by_kind: [u16; 256],
}

#[repr(C)]
#[derive(Default)]
struct Found {
    client: [u8; 16],
    virtual_addr: [u8; 16],
    port: [u8; 2],
    virtual_port: [u8; 2],
    layout: u8,
    has_virtual: bool,
    at: u32,
    size: u32,
    needed: u32,
    kind: u8,
    len: u8,
}

unsafe extern "C" {
    fn toa_formats_parse(text: Text, formats: *mut Formats, wrong: *mut Text) -> i32;
    fn toa_option_parse(
        formats: *const Formats,
        list: *const u8,
        len: u32,
        found: *mut Found,
    ) -> i32;
    fn toa_option_find_unknown(
        formats: *const Formats,
        list: *const u8,
        len: u32,
        found: *mut Found,
    ) -> bool;
    fn toa_option_is_plausible(
        found: *const Found,
        list: *const u8,
        len: u32,
        timestamps: bool,
    ) -> bool;
}

/// What both parsers must agree on.
#[derive(Debug, PartialEq)]
enum Answer {
    Absent,
    Foreign {
        kind: u8,
        len: u8,
    },
    Invalid,
    Client {
        is_plausible: bool,
        kind: u8,
        len: usize,
        client: SocketAddr,
        virtual_addr: Option<SocketAddr>,
    },
}

fn len_of(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("the fuzzer's inputs are short")
}

fn module_formats(text: &str) -> Option<Formats> {
    let text = Text {
        at: text.as_ptr(),
        len: len_of(text.as_bytes()),
    };
    let mut wrong = text;
    let mut formats = Formats { by_kind: [0; 256] };
    // SAFETY: all pointers are valid for the call, that of `text` for its length.
    let error = unsafe { toa_formats_parse(text, &raw mut formats, &raw mut wrong) };
    (error == 0).then_some(formats)
}

/// Of a connection that has negotiated timestamps, as toa-core takes it.
fn is_plausible(found: &Found, list: &[u8]) -> bool {
    // SAFETY: both pointers are valid for the call, `list` for `len` bytes, and `found`
    // was made from it.
    unsafe { toa_option_is_plausible(&raw const *found, list.as_ptr(), len_of(list), true) }
}

fn end(ip: [u8; 16], port: [u8; 2]) -> SocketAddr {
    SocketAddr::new(Ipv6Addr::from(ip).to_canonical(), u16::from_be_bytes(port))
}

fn module_parse(list: &[u8], formats: &Formats) -> Answer {
    let mut found = Found::default();
    // SAFETY: all pointers are valid for the call, and `list` for its length.
    let verdict = unsafe {
        toa_option_parse(
            &raw const *formats,
            list.as_ptr(),
            len_of(list),
            &raw mut found,
        )
    };
    match verdict {
        0 => Answer::Absent,
        1 => Answer::Foreign {
            kind: found.kind,
            len: found.len,
        },
        2 => Answer::Invalid,
        3 => Answer::Client {
            is_plausible: is_plausible(&found, list),
            kind: found.kind,
            len: found.len.into(),
            client: end(found.client, found.port),
            virtual_addr: found
                .has_virtual
                .then(|| end(found.virtual_addr, found.virtual_port)),
        },
        other => panic!("the module's parser answered {other}"),
    }
}

fn core_parse(list: &[u8], formats: &OptionFormats) -> Answer {
    let (is_plausible, option) = match parse(list, formats) {
        Parsed::Absent => return Answer::Absent,
        Parsed::Foreign { kind, len } => return Answer::Foreign { kind, len },
        Parsed::Invalid => return Answer::Invalid,
        Parsed::Found(option) => (true, option),
        Parsed::Implausible(option) => (false, option),
    };
    Answer::Client {
        is_plausible,
        kind: option.kind(),
        len: option.layout().option_len(),
        client: option.client(),
        virtual_addr: option.virtual_addr(),
    }
}

/// The kind that is named where no option is read.
fn unknown_kind(list: &[u8], formats: &Formats) -> Option<u8> {
    let mut found = Found::default();
    // SAFETY: all pointers are valid for the call, and `list` for its length.
    let is_found = unsafe {
        toa_option_find_unknown(
            &raw const *formats,
            list.as_ptr(),
            len_of(list),
            &raw mut found,
        )
    };
    is_found.then_some(found.kind)
}

fn names(bits: u8, kind: u8) -> String {
    let named = ["toa", "vtoa", "cip", "ttgw"];
    let chosen = (0..).zip(named).filter(|(bit, _)| bits & (1 << bit) != 0);
    let mut names: Vec<String> = chosen.map(|(_, name)| name.to_owned()).collect();
    if bits & 16 != 0 {
        names.push(format!("toa@{kind}"));
    }
    names.join(",")
}

fuzz_target!(|input: &[u8]| {
    let [bits, kind, list @ ..] = input else {
        return;
    };
    let text = names(*bits, *kind);
    let formats: Result<OptionFormats, _> = text.parse();
    let of_module = module_formats(&text);
    assert_eq!(
        of_module.as_ref().map(|formats| &formats.by_kind),
        formats.as_ref().ok().map(OptionFormats::by_kind),
        "formats {text:?}"
    );
    let (Some(of_module), Ok(formats)) = (of_module, formats) else {
        return;
    };
    // The allocation ends with the list.
    let list: Box<[u8]> = list.into();
    if let Some(kind) = unknown_kind(&list, &of_module) {
        assert!(!formats.contains_kind(kind) && list.contains(&kind));
    }
    assert_eq!(
        module_parse(&list, &of_module),
        core_parse(&list, &formats),
        "formats {text:?}"
    );
});
