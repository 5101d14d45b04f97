//! /proc/net/toa_recent and /proc/net/toa_unread of the kernel module.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use crate::diagnosis::{Diagnosis, Minute, Outcomes, Reason, Unread};

/// `None` where there are no such files, or this user may not read them.
pub(crate) fn read() -> Option<Diagnosis> {
    read_from(
        Path::new("/proc/net/toa_recent"),
        Path::new("/proc/net/toa_unread"),
    )
}

fn read_from(recent: &Path, unread: &Path) -> Option<Diagnosis> {
    Some(Diagnosis {
        minutes: rows(&fs::read_to_string(recent).ok()?)
            .filter_map(|row| minute(&row))
            .collect(),
        unread: rows(&fs::read_to_string(unread).ok()?)
            .filter_map(|row| options(&row))
            .collect(),
    })
}

/// The cells of each line by what the heading calls them. Later modules may have more.
fn rows(text: &str) -> impl Iterator<Item = HashMap<&str, &str>> {
    let mut lines = text.lines();
    let heading: Vec<&str> = lines
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    lines.map(move |line| {
        heading
            .iter()
            .copied()
            .zip(line.split_whitespace())
            .collect()
    })
}

fn number(row: &HashMap<&str, &str>, column: &str) -> Option<u64> {
    row.get(column)?.parse().ok()
}

fn minute(row: &HashMap<&str, &str>) -> Option<Minute> {
    Some(Minute {
        seconds_ago: number(row, "seconds_ago")?,
        outcomes: Outcomes {
            toa: number(row, "toa")?,
            not_sent: number(row, "not_sent")?,
            foreign: number(row, "foreign")?,
            untrusted: number(row, "untrusted")?,
            invalid: number(row, "invalid")?,
            implausible: number(row, "implausible")?,
            lost: number(row, "lost")?,
        },
    })
}

fn options(row: &HashMap<&str, &str>) -> Option<Unread> {
    let reason = row.get("reason")?;
    Some(Unread {
        reason: Reason::ALL
            .into_iter()
            .find(|found| found.as_str() == *reason)?,
        kind: row.get("kind")?.parse().ok()?,
        len: row.get("len")?.parse().ok()?,
        network: row.get("network")?.parse().ok()?,
        count: number(row, "count")?,
        seconds_ago: number(row, "seconds_ago")?,
        peer: row.get("peer")?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_texts(recent: &str, unread: &str) -> Diagnosis {
        let dir = tempfile::tempdir().unwrap();
        let paths = ["recent", "unread"].map(|name| dir.path().join(name));
        fs::write(&paths[0], recent).unwrap();
        fs::write(&paths[1], unread).unwrap();
        read_from(&paths[0], &paths[1]).unwrap()
    }

    /// As the module printed them in a test of its own.
    const RECENT: &str = "\
seconds_ago        toa   not_sent    foreign  untrusted    invalid implausible     lost
119                  3          6          3          3          2           1          0
7                    1          0          0         40          0           0          2
";
    const UNREAD: &str = "\
reason       kind len network                count      seconds_ago peer
unknown_kind 99   8   10.7.0.0/24            3          12          10.7.0.2:40017
foreign      254  6   fd07::/64              3          0           [fd07::2]:40019
";

    #[test]
    fn minutes_and_options_are_read_from_the_modules_files() {
        let found = read_texts(RECENT, UNREAD);
        assert_eq!(found.minutes.len(), 2);
        assert_eq!(found.minutes[0].seconds_ago, 119);
        let outcomes = Outcomes {
            toa: 4,
            not_sent: 6,
            foreign: 3,
            untrusted: 43,
            invalid: 2,
            implausible: 1,
            lost: 2,
        };
        assert_eq!(found.outcomes(), outcomes);
        let [unknown, foreign] = &found.unread[..] else {
            panic!("{:?}", found.unread)
        };
        assert_eq!(unknown.reason, Reason::UnknownKind);
        assert_eq!((unknown.kind, unknown.len, unknown.count), (99, 8, 3));
        assert_eq!(foreign.network.to_string(), "fd07::/64");
        assert_eq!(foreign.peer, "[fd07::2]:40019".parse().unwrap());
    }

    #[test]
    fn lines_of_another_kind_are_passed_over() {
        let with_more = UNREAD
            .replace(" peer\n", " peer new\n")
            .replace("40017", "40017 x");
        let text = format!("{with_more}late 1 1 10.0.0.0/24 1 1 10.0.0.1:1\nforeign 256 0\n\n");
        let found = read_texts("", &text);
        assert_eq!(found.unread.len(), 2);
        assert_eq!(found.minutes, []);
        for text in [
            "",
            "\n",
            "a\nb c d\n",
            "seconds_ago toa\n1 2\n",
            "reason\nforeign\n",
        ] {
            assert_eq!(read_texts(text, text), Diagnosis::default(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_as_something(recent in ".*", unread in "[a-z0-9_:/.\\[\\] \n]{0,400}") {
            read_texts(&recent, &format!("{}{unread}", UNREAD.lines().next().unwrap_or_default()));
        }
    }

    #[test]
    fn without_the_files_nothing_is_known() {
        let nowhere = Path::new("/nonexistent");
        assert_eq!(read_from(nowhere, nowhere), None);
    }
}
