//! What is wrong by what a source noticed of late, and the setting that mends it.

use std::fmt;

use super::print::ago;
use crate::diagnosis::{Diagnosis, Reason, Unread};

/// Where an operator changes what a source reads and believes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) trusted: &'static str,
    pub(super) formats: &'static str,
}

pub(super) const OF_EBPF: Settings = Settings {
    trusted: "--trust of `toa load`",
    formats: "--format of `toa load`",
};

pub(super) const OF_MODULE: Settings = Settings {
    trusted: "trusted= (at once: /sys/module/toa/parameters/trusted; for the next load: a line \
              `options toa trusted=NETWORKS` in /etc/modprobe.d/toa.conf)",
    formats: "formats= (at once: /sys/module/toa/parameters/formats; for the next load: a line \
              `options toa formats=NAMES` in /etc/modprobe.d/toa.conf)",
};

/// What is older is over.
const LATE: u64 = 16 * 60;

/// How many networks a sentence names.
const NAMED: usize = 3;

pub(super) fn problems(diagnosis: &Diagnosis, settings: Settings, say: &mut impl FnMut(String)) {
    let outcomes = diagnosis.outcomes();
    let without = outcomes.not_sent.saturating_add(outcomes.foreign);
    if outcomes.toa == 0 && without > 0 && outcomes.total() == without {
        say(format!(
            "none of the {without} connections of the last minutes brought an address: check that \
             the balancer is told to send it, and in which format: {}",
            settings.formats
        ));
    }
    for unread in &diagnosis.unread {
        if let (Reason::UnknownKind | Reason::Foreign, Some(format), 0..=LATE) =
            (unread.reason, unread.possible_format(), unread.seconds_ago)
        {
            say(format!(
                "{} {} not read: if your balancer sends them, add {format} to {}",
                of_kind(unread),
                if unread.count == 1 { "was" } else { "were" },
                settings.formats
            ));
        }
    }
    let of = |reason| Networks(diagnosis, reason);
    if outcomes.untrusted > 0 {
        say(format!(
            "{} options were refused in the last minutes because their peer is not trusted{}: if \
             those peers are your balancer, name its networks in {}; if not, somebody tries to \
             forge addresses",
            outcomes.untrusted,
            of(Reason::Untrusted),
            settings.trusted
        ));
    }
    if outcomes.invalid > 0 {
        say(format!(
            "{} options were refused in the last minutes as malformed, or for their address or \
             version{}: something else uses the option kind, or somebody tries to forge addresses",
            outcomes.invalid,
            of(Reason::Invalid)
        ));
    }
    if outcomes.implausible > 0 {
        say(format!(
            "{} options were refused in the last minutes because no balancer can have put them \
             there{}: it had no room for its own; a client behind it fills the list, and the \
             balancer lets clients' own options pass",
            outcomes.implausible,
            of(Reason::Implausible)
        ));
    }
    if outcomes.lost > 0 {
        say(format!(
            "{} connections lost their address in the last minutes: the kernel was out of memory, \
             or did not show the handshake",
            outcomes.lost
        ));
    }
}

/// The networks that options of this reason came from of late: `, from ... and ...`.
struct Networks<'a>(&'a Diagnosis, Reason);

impl fmt::Display for Networks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let late = self.0.unread.iter();
        let mut late: Vec<&Unread> = late
            .filter(|unread| unread.reason == self.1 && unread.seconds_ago <= LATE)
            .collect();
        late.sort_by_key(|unread| std::cmp::Reverse(unread.count));
        for (i, unread) in late.iter().take(NAMED).enumerate() {
            let between = if i == 0 { ", from" } else { " and" };
            write!(
                f,
                "{between} {} (kind {}, {} bytes)",
                unread.network, unread.kind, unread.len
            )?;
        }
        match late.len().saturating_sub(NAMED) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// `3 options of kind 99 with 8 bytes from 10.7.0.0/24 (the last 12s ago, by 10.7.0.2:4711)`
pub(super) fn of_kind(unread: &Unread) -> String {
    let Unread {
        kind,
        len,
        count,
        network,
        peer,
        ..
    } = unread;
    let options = if *count == 1 { "option" } else { "options" };
    format!(
        "{count} {options} of kind {kind} with {len} bytes from {network} (the last {}, by {peer})",
        ago(unread.seconds_ago)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::{Minute, Outcomes};

    fn said(outcomes: Outcomes, unread: Vec<Unread>, settings: Settings) -> Vec<String> {
        let minute = Minute {
            seconds_ago: 30,
            outcomes,
        };
        let diagnosis = Diagnosis {
            minutes: vec![minute],
            unread,
        };
        let mut said = Vec::new();
        problems(&diagnosis, settings, &mut |problem| said.push(problem));
        said
    }

    #[test]
    fn each_reason_is_said_with_network_and_setting() {
        let none = Outcomes::default();
        let mock = Unread::mock;
        for (outcomes, unread, words) in [
            (
                Outcomes {
                    not_sent: 5,
                    ..none
                },
                vec![],
                &["none of the 5", "formats="][..],
            ),
            (
                Outcomes {
                    toa: 1,
                    not_sent: 1,
                    ..none
                },
                vec![mock(Reason::UnknownKind, 99, 8, 3)],
                &[
                    "3 options of kind 99 with 8 bytes from 10.7.0.0/24",
                    "add toa@99 to formats=",
                ],
            ),
            (
                Outcomes {
                    toa: 1,
                    foreign: 1,
                    ..none
                },
                vec![mock(Reason::Foreign, 254, 16, 1)],
                &[
                    "1 option of kind 254",
                    "was not read",
                    "add ttgw to formats=",
                ],
            ),
            (
                Outcomes {
                    untrusted: 2,
                    ..none
                },
                vec![mock(Reason::Untrusted, 254, 8, 2)],
                &[
                    "2 options",
                    "from 10.7.0.0/24 (kind 254, 8 bytes)",
                    "/sys/module/toa/parameters/trusted",
                    "/etc/modprobe.d/toa.conf",
                ],
            ),
            (
                Outcomes { invalid: 2, ..none },
                vec![mock(Reason::Invalid, 253, 8, 2)],
                &["2 options", "malformed", "from 10.7.0.0/24"],
            ),
            (
                Outcomes {
                    implausible: 4,
                    ..none
                },
                vec![],
                &["4 options", "a client behind it fills the list"],
            ),
            (
                Outcomes { lost: 1, ..none },
                vec![],
                &["1 connections lost"],
            ),
        ] {
            let said = said(outcomes, unread, OF_MODULE);
            assert_eq!(said.len(), 1, "{said:?}");
            for word in words {
                assert!(said[0].contains(word), "{said:?} has {word}");
            }
            assert!(
                !said[0].contains("--"),
                "{said:?} names no flag of `toa load`"
            );
        }
    }

    #[test]
    fn trouble_that_is_over_and_other_options_are_passed_over() {
        let works = Outcomes {
            toa: 3,
            not_sent: 9,
            ..Outcomes::default()
        };
        let mut over = Unread::mock(Reason::UnknownKind, 99, 8, 3);
        over.seconds_ago = LATE + 1;
        let no_address = Unread::mock(Reason::UnknownKind, 172, 11, 3);
        assert_eq!(said(works, vec![over, no_address], OF_EBPF), [""; 0]);
    }

    #[test]
    fn few_networks_are_named_and_the_rest_is_counted() {
        let unread = (0..5).map(|count| Unread::mock(Reason::Untrusted, 254, 8, count));
        let refused = Outcomes {
            untrusted: 10,
            ..Outcomes::default()
        };
        let said = said(refused, unread.collect(), OF_EBPF);
        assert!(said[0].contains("8 bytes) and 2 more: if"), "{said:?}");
        assert_eq!(said[0].matches("10.7.0.0/24").count(), NAMED);
    }
}
