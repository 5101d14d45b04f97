//! What a source noticed of late: the outcomes of the last minutes, and the options that
//! gave no address. What every source tells in the same words.

use std::net::SocketAddr;

use ipnet::IpNet;
use serde::Serialize;
use toa_core::{OptionFormat, OptionFormats};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Diagnosis {
    /// The last minutes in which connections came, the oldest first.
    pub(crate) minutes: Vec<Minute>,
    /// By reason, kind, length and the peer's network.
    pub(crate) unread: Vec<Unread>,
}

/// What a minute brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Minute {
    /// When it began.
    pub(crate) seconds_ago: u64,
    #[serde(flatten)]
    pub(crate) outcomes: Outcomes,
}

/// How many connections had which outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Outcomes {
    pub(crate) toa: u64,
    pub(crate) not_sent: u64,
    pub(crate) foreign: u64,
    pub(crate) untrusted: u64,
    pub(crate) invalid: u64,
    pub(crate) implausible: u64,
    /// Their address was lost, or it is not known whether there was one.
    pub(crate) lost: u64,
}

impl Outcomes {
    pub(crate) const fn each(&self) -> [(&'static str, u64); 7] {
        [
            ("toa", self.toa),
            ("not_sent", self.not_sent),
            ("foreign", self.foreign),
            ("untrusted", self.untrusted),
            ("invalid", self.invalid),
            ("implausible", self.implausible),
            ("lost", self.lost),
        ]
    }

    pub(crate) fn total(&self) -> u64 {
        let counts = self.each().map(|(_, count)| count);
        counts.into_iter().fold(0, u64::saturating_add)
    }
}

impl Diagnosis {
    /// All minutes together.
    pub(crate) fn outcomes(&self) -> Outcomes {
        let add = |sum: Outcomes, minute: &Minute| {
            let of = &minute.outcomes;
            Outcomes {
                toa: sum.toa.saturating_add(of.toa),
                not_sent: sum.not_sent.saturating_add(of.not_sent),
                foreign: sum.foreign.saturating_add(of.foreign),
                untrusted: sum.untrusted.saturating_add(of.untrusted),
                invalid: sum.invalid.saturating_add(of.invalid),
                implausible: sum.implausible.saturating_add(of.implausible),
                lost: sum.lost.saturating_add(of.lost),
            }
        };
        self.minutes.iter().fold(Outcomes::default(), add)
    }
}

/// Options of one kind and length that gave no address, from one network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Unread {
    pub(crate) reason: Reason,
    pub(crate) kind: u8,
    pub(crate) len: u8,
    pub(crate) network: IpNet,
    pub(crate) count: u64,
    /// When the last one came, and from whom.
    pub(crate) seconds_ago: u64,
    pub(crate) peer: SocketAddr,
}

/// Why there was no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reason {
    /// No format that is read has this kind.
    UnknownKind,
    /// No format that is read has this length under this kind.
    Foreign,
    Untrusted,
    Invalid,
    Implausible,
}

impl Reason {
    pub(crate) const ALL: [Self; 5] = [
        Self::UnknownKind,
        Self::Foreign,
        Self::Untrusted,
        Self::Invalid,
        Self::Implausible,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownKind => "unknown_kind",
            Self::Foreign => "foreign",
            Self::Untrusted => "untrusted",
            Self::Invalid => "invalid",
            Self::Implausible => "implausible",
        }
    }
}

impl Unread {
    /// The format that an option of this kind and length would be read by.
    pub(crate) fn possible_format(&self) -> Option<OptionFormat> {
        let named = [
            OptionFormat::Toa,
            OptionFormat::Vtoa,
            OptionFormat::Cip,
            OptionFormat::Ttgw,
            OptionFormat::ToaAt(self.kind),
        ];
        named.into_iter().find(|format| {
            OptionFormats::new([*format])
                .is_ok_and(|formats| formats.layout(self.kind, self.len.into()).is_some())
        })
    }
}

#[cfg(test)]
impl Unread {
    pub(crate) fn mock(reason: Reason, kind: u8, len: u8, count: u64) -> Self {
        Self {
            reason,
            kind,
            len,
            network: "10.7.0.0/24".parse().unwrap(),
            count,
            seconds_ago: 3,
            peer: "10.7.0.2:4711".parse().unwrap(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_possible_format_is_named_where_one_fits() {
        for (kind, len, format) in [
            (254, 8, Some("toa")),
            (252, 20, Some("vtoa")),
            (28, 7, Some("cip")),
            (254, 16, Some("ttgw")),
            (99, 20, Some("toa@99")),
            (99, 12, None),
            (28, 4, None),
        ] {
            let unread = Unread::mock(Reason::Foreign, kind, len, 1);
            let found = unread.possible_format().map(|format| format.to_string());
            assert_eq!(found.as_deref(), format, "{kind}/{len}");
        }
    }

    #[test]
    fn minutes_are_added_and_never_overflow() {
        let minute = |toa, not_sent| Minute {
            seconds_ago: 0,
            outcomes: Outcomes {
                toa,
                not_sent,
                ..Outcomes::default()
            },
        };
        let diagnosis = Diagnosis {
            minutes: vec![minute(1, 2), minute(3, u64::MAX)],
            unread: Vec::new(),
        };
        assert_eq!(diagnosis.outcomes().toa, 4);
        assert_eq!(diagnosis.outcomes().total(), u64::MAX);
    }
}
