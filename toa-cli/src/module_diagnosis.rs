//! /proc/net/toa_recent and /proc/net/toa_unread of the kernel module.

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::SystemTime;

use serde::Serialize;
use toa_bpf::{Recent, Unread, UnreadReason};

/// What the module noticed of late.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Diagnosis {
    pub(crate) recent: Recent,
    /// The most frequent first.
    pub(crate) unread: Vec<Unread>,
}

/// `None` where there are no such files, or this user may not read them.
pub(crate) fn read() -> Option<Diagnosis> {
    read_from(
        Path::new("/proc/net/toa_recent"),
        Path::new("/proc/net/toa_unread"),
    )
}

fn read_from(recent: &Path, unread: &Path) -> Option<Diagnosis> {
    let minutes = fs::read_to_string(recent).ok()?;
    let text = fs::read_to_string(unread).ok()?;
    let mut unread: Vec<Unread> = rows(&text).filter_map(|row| options(&row)).collect();
    unread.sort_by_key(|unread| std::cmp::Reverse(unread.count));
    Some(Diagnosis {
        recent: sum(rows(&minutes).filter_map(|row| minute(&row))),
        unread,
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

fn minute(row: &HashMap<&str, &str>) -> Option<Recent> {
    let mut minute = Recent::default();
    minute.since = Some(now().saturating_sub(number(row, "seconds_ago")?));
    minute.toa = number(row, "toa")?;
    minute.not_sent = number(row, "not_sent")?;
    minute.foreign = number(row, "foreign")?;
    minute.untrusted = number(row, "untrusted")?;
    minute.invalid = number(row, "invalid")?;
    minute.implausible = number(row, "implausible")?;
    minute.lost = number(row, "lost")?;
    Some(minute)
}

/// The oldest minute comes first.
fn sum(minutes: impl Iterator<Item = Recent>) -> Recent {
    let mut sum = Recent::default();
    for minute in minutes {
        sum.since = sum.since.or(minute.since);
        for (sum, minute) in [
            (&mut sum.toa, minute.toa),
            (&mut sum.not_sent, minute.not_sent),
            (&mut sum.foreign, minute.foreign),
            (&mut sum.untrusted, minute.untrusted),
            (&mut sum.invalid, minute.invalid),
            (&mut sum.implausible, minute.implausible),
            (&mut sum.lost, minute.lost),
        ] {
            *sum = sum.saturating_add(minute);
        }
    }
    sum
}

/// In seconds since 1970.
fn now() -> u64 {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    now.as_secs()
}

fn reason(name: &str) -> Option<UnreadReason> {
    Some(match name {
        "unknown_kind" => UnreadReason::UnknownKind,
        "foreign" => UnreadReason::Foreign,
        "untrusted" => UnreadReason::Untrusted,
        "invalid" => UnreadReason::Invalid,
        "implausible" => UnreadReason::Implausible,
        _ => return None,
    })
}

fn options(row: &HashMap<&str, &str>) -> Option<Unread> {
    let peer: SocketAddr = row.get("peer")?.parse().ok()?;
    Some(Unread {
        reason: reason(row.get("reason")?)?,
        kind: row.get("kind")?.parse().ok()?,
        length: row.get("len")?.parse().ok()?,
        network: row.get("network")?.parse().ok()?,
        count: number(row, "count")?,
        last_seen: now().saturating_sub(number(row, "seconds_ago")?),
        last_peer: peer.ip(),
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
        let since = found.recent.since.unwrap();
        assert!((now() - 125..=now() - 119).contains(&since));
        let mut recent = Recent::default();
        recent.since = found.recent.since;
        (recent.toa, recent.not_sent, recent.foreign) = (4, 6, 3);
        (recent.untrusted, recent.invalid) = (43, 2);
        (recent.implausible, recent.lost) = (1, 2);
        assert_eq!(found.recent, recent);
        let [unknown, foreign] = &found.unread[..] else {
            panic!("{:?}", found.unread)
        };
        assert_eq!(unknown.reason, UnreadReason::UnknownKind);
        assert_eq!((unknown.kind, unknown.length, unknown.count), (99, 8, 3));
        assert_eq!(foreign.network.to_string(), "fd07::/64");
        assert_eq!(foreign.last_peer.to_string(), "fd07::2");
    }

    #[test]
    fn lines_of_another_kind_are_passed_over() {
        let with_more = UNREAD
            .replace(" peer\n", " peer new\n")
            .replace("40017", "40017 x");
        let text = format!("{with_more}late 1 1 10.0.0.0/24 1 1 10.0.0.1:1\nforeign 256 0\n\n");
        let found = read_texts("", &text);
        assert_eq!(found.unread.len(), 2);
        assert_eq!(found.recent, Recent::default());
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
