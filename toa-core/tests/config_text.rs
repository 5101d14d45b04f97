//! The texts of `tests/vectors/toa-config.txt`, which the kernel module reads by the
//! same rules.

use std::fmt::Display;
use std::str::FromStr;

use toa_core::{OptionFormats, TrustedPeers};

const TEXTS: &str = include_str!("toa-config.txt");

/// What the text is read as, in the words of the table.
fn read<T: FromStr + Display>(text: &str) -> String {
    text.parse::<T>()
        .map_or_else(|_| "refused".to_owned(), |set| set.to_string())
}

#[test]
fn every_text_is_accepted_or_refused_as_written() {
    let mut count = 0;
    for line in TEXTS.lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let columns: Vec<&str> = line.split('"').collect();
        let &[setting, text, expected] = columns.as_slice() else {
            panic!("not a row: {line}");
        };
        let text = text.replace("\\t", "\t").replace("\\n", "\n");
        let read = match setting.trim_end() {
            "trusted" => read::<TrustedPeers>(&text),
            "formats" => read::<OptionFormats>(&text),
            _ => panic!("not a row: {line}"),
        };
        assert_eq!(read, expected.trim_start(), "{line}");
        count += 1;
    }
    assert!(count >= 140, "only {count} rows were read");
}
