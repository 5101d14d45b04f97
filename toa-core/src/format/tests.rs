//! The formats' names, and the C header that is made from their tables.

use std::fmt::Write;

use super::*;

fn header() -> String {
    let mut text = String::from(
        "/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The formats of TOA options. Made from toa-core/src/format.rs, which says what they
 * are; `TOA_WRITE_HEADER=1 cargo test -p toa-core format` makes it anew.
 */
#ifndef TOA_FORMATS_H
#define TOA_FORMATS_H

/* What the bytes of an option of one length mean. */
enum toa_layout {
",
    );
    for layout in Layout::ALL {
        let name = format!("{layout:?}").to_uppercase();
        writeln!(text, "\tTOA_LAYOUT_{name},").unwrap();
    }
    text.push_str(
        "\tTOA_LAYOUTS,
};

/*
 * Offsets count from the option's kind byte, in network order; 0: it has no such field.
 * With a version, the byte behind the length must be that.
 *
 *	X(layout, length, port, address, virtual port, virtual address, address length, version)
 */
#define TOA_FOR_EACH_LAYOUT(X) \\
",
    );
    let rows = Layout::ALL.map(|layout| {
        let name = format!("{layout:?}").to_uppercase();
        let Fields {
            len,
            port,
            addr,
            virtual_port,
            virtual_addr,
            addr_len,
            version,
        } = layout.fields();
        format!(
            "\tX(TOA_LAYOUT_{name}, {len}, {port}, {addr}, {virtual_port}, {virtual_addr}, {addr_len}, {version})"
        )
    });
    text.push_str(&rows.join(" \\\n"));
    text.push_str(
        "

/*
 * The formats by name, a row for each kind. `toa@KIND` has no row: it is the layouts
 * TOA4 and TOA6 under that kind.
 *
 *	X(name, kind, mask of layouts)
 */
#define TOA_FOR_EACH_FORMAT(X) \\
",
    );
    let mut rows = Vec::new();
    for format in OptionFormat::NAMED {
        let set = OptionFormats::new([format]).unwrap();
        for kind in (0..=u8::MAX).rev().filter(|&kind| set.contains_kind(kind)) {
            let mask = set.by_kind[usize::from(kind)];
            let layouts = Layout::ALL
                .into_iter()
                .filter(|layout| mask & layout.bit() != 0)
                .map(|layout| format!("1 << TOA_LAYOUT_{}", format!("{layout:?}").to_uppercase()))
                .collect::<Vec<_>>();
            rows.push(format!(
                "\tX(\"{format}\", {kind}, {})",
                layouts.join(" | ")
            ));
        }
    }
    text.push_str(&rows.join(" \\\n"));
    text.push_str(
        "

/* Kinds with a standard meaning, which `toa@KIND` refuses. */
#define TOA_FOR_EACH_ASSIGNED_KIND(X) \\
\t",
    );
    let kinds = ASSIGNED_KINDS.map(|kind| format!("X({kind})"));
    text.push_str(&kinds.join(" "));
    text.push_str("\n\n#endif\n");
    text
}

#[test]
fn the_c_header_is_what_the_tables_make() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/include/toa_formats.h");
    if std::env::var_os("TOA_WRITE_HEADER").is_some() {
        std::fs::write(path, header()).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap();
    assert_eq!(
        found,
        header(),
        "TOA_WRITE_HEADER=1 makes the header anew: {path}"
    );
}

#[test]
fn the_fields_of_each_layout_lie_within_its_length_and_apart() {
    for layout in Layout::ALL {
        let fields = layout.fields();
        let len = usize::from(fields.len);
        let mut used = vec![false; len];
        let mut take = |at: u8, bytes: u8| {
            if at != 0 {
                for used in &mut used[usize::from(at)..usize::from(at + bytes)] {
                    assert!(!std::mem::replace(used, true), "{layout:?}");
                }
            }
        };
        take(if fields.version == 0 { 0 } else { 2 }, 1);
        take(fields.port, 2);
        take(fields.addr, fields.addr_len);
        take(fields.virtual_port, 2);
        take(fields.virtual_addr, fields.addr_len);
    }
}

#[test]
fn the_default_is_what_lvs_dpvs_and_huawei_send() {
    let formats = OptionFormats::default();
    assert_eq!(formats.to_string(), "toa");
    for kind in 0..=u8::MAX {
        let is_read = [254, 253, 200].contains(&kind);
        assert_eq!(formats.contains_kind(kind), is_read);
        assert_eq!(formats.layout(kind, 8).is_some(), is_read);
        assert_eq!(formats.layout(kind, 20).is_some(), is_read);
        assert_eq!(formats.layout(kind, 16), None);
    }
}

#[test]
fn what_is_printed_is_read_back_and_survives_its_masks() {
    for (text, printed) in [
        ("toa", "toa"),
        ("toa@254,toa@253,toa@200", "toa"),
        ("vtoa", "vtoa"),
        ("ttgw, cip ,,toa", "toa,cip,ttgw"),
        ("toa,vtoa,cip,ttgw", "toa,vtoa,cip,ttgw"),
        ("toa@77,toa@255", "toa@255,toa@77"),
        ("toa@254,vtoa", "vtoa,toa@254"),
        ("toa,toa@252", "toa,toa@252"),
        ("toa@249,vtoa", "vtoa,toa@249"),
    ] {
        let formats: OptionFormats = text.parse().unwrap();
        assert_eq!(formats.to_string(), printed, "{text}");
        assert_eq!(printed.parse(), Ok(formats.clone()), "{text}");
        let back = OptionFormats::from_by_kind(*formats.by_kind());
        assert_eq!(back, Some(formats), "{text}");
    }
    for (kind, mask) in [(254, 1), (1, 3), (252, 4), (254, 1 << 9)] {
        let mut masks = [0; 256];
        masks[kind] = mask;
        assert_eq!(OptionFormats::from_by_kind(masks), None, "{kind} {mask}");
    }
}

#[test]
fn an_option_has_the_name_of_the_format_that_it_is_read_as() {
    let formats: OptionFormats = "toa,vtoa,cip,ttgw,toa@77".parse().unwrap();
    for (kind, len, name) in [
        (254, 8, "toa"),
        (253, 20, "toa"),
        (252, 20, "vtoa"),
        (249, 40, "vtoa"),
        (28, 7, "cip"),
        (254, 16, "ttgw"),
        (77, 8, "toa@77"),
    ] {
        let format = formats.format_of(kind, len).unwrap();
        assert_eq!(format.to_string(), name);
    }
    assert_eq!(formats.format_of(254, 12), None);
    assert_eq!(OptionFormats::default().format_of(28, 7), None);
}

#[test]
fn what_cannot_be_read_in_one_way_is_refused() {
    for (text, kind, len) in [
        ("vtoa,toa@252", 252, 20),
        ("toa@250,vtoa", 250, 8),
        ("toa@252,toa,vtoa", 252, 20),
    ] {
        let expected = ParseOptionFormatsError::Ambiguous { kind, len };
        assert_eq!(text.parse::<OptionFormats>(), Err(expected), "{text}");
    }
    for kind in ASSIGNED_KINDS {
        assert_eq!(
            format!("toa@{kind}").parse::<OptionFormats>(),
            Err(ParseOptionFormatsError::Assigned(kind))
        );
    }
}

#[test]
fn nonsense_is_quoted_in_the_error() {
    for nonsense in [
        "254", "TOA", "toa@", "toa@256", "toa@-1", "toa@x", "vtoa@1", "any",
    ] {
        let error = nonsense.parse::<OptionFormats>().unwrap_err().to_string();
        assert!(error.contains(&format!("{nonsense:?}")), "{error}");
    }
    for empty in ["", " , "] {
        assert_eq!(
            empty.parse::<OptionFormats>(),
            Err(ParseOptionFormatsError::Empty)
        );
    }
}
