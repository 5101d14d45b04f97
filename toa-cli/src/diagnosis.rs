//! What a source noticed of late: what came of the connections of the last minutes, and the
//! options that gave no address. The same of every source, in the words of toa-bpf.

use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use ipnet::IpNet;
use serde::Serialize;
use toa_bpf::{Status, UnreadReason};
use toa_core::{OptionFormat, OptionFormats};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Diagnosis {
    pub(crate) recent: Recent,
    pub(crate) unread: Vec<Unread>,
}

/// How many connections of the last minutes had which outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Recent {
    /// When the first of them was opened, in seconds since 1970.
    pub(crate) since: Option<u64>,
    pub(crate) toa: u64,
    pub(crate) not_sent: u64,
    pub(crate) foreign: u64,
    pub(crate) untrusted: u64,
    pub(crate) invalid: u64,
    pub(crate) implausible: u64,
    /// Their address was lost, or it is not known whether there was one.
    pub(crate) lost: u64,
    /// Of those without an option: one came in a later segment.
    pub(crate) late: u64,
}

impl Recent {
    /// The outcomes, of which each connection has one.
    pub(crate) const fn outcomes(&self) -> [(&'static str, u64); 7] {
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

    pub(crate) fn connections(&self) -> u64 {
        let counts = self.outcomes().map(|(_, count)| count);
        counts.into_iter().fold(0, u64::saturating_add)
    }
}

/// Options of one kind and length that gave no address, from one network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Unread {
    pub(crate) reason: UnreadReason,
    pub(crate) kind: u8,
    pub(crate) length: u8,
    pub(crate) network: IpNet,
    pub(crate) count: u64,
    /// In seconds since 1970.
    pub(crate) last_seen: u64,
    pub(crate) last_peer: IpAddr,
}

impl Unread {
    /// The format that an option of this kind and length would be read by.
    pub(crate) fn possible_format(&self) -> Option<OptionFormat> {
        let formats = [
            OptionFormat::Toa,
            OptionFormat::Vtoa,
            OptionFormat::Cip,
            OptionFormat::Ttgw,
            OptionFormat::ToaAt(self.kind),
        ];
        formats.into_iter().find(|format| {
            OptionFormats::new([*format])
                .is_ok_and(|formats| formats.layout(self.kind, self.length.into()).is_some())
        })
    }

    pub(crate) fn seconds_ago(&self) -> u64 {
        now().saturating_sub(self.last_seen)
    }
}

/// In seconds since 1970.
pub(crate) fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs())
}

impl From<&Status> for Diagnosis {
    fn from(status: &Status) -> Self {
        let recent = &status.recent;
        Self {
            recent: Recent {
                since: recent.since,
                toa: recent.toa,
                not_sent: recent.not_sent,
                foreign: recent.foreign,
                untrusted: recent.untrusted,
                invalid: recent.invalid,
                implausible: recent.implausible,
                lost: recent.lost,
                late: recent.late,
            },
            unread: status.unread.iter().map(Unread::from).collect(),
        }
    }
}

impl From<&toa_bpf::Unread> for Unread {
    fn from(unread: &toa_bpf::Unread) -> Self {
        Self {
            reason: unread.reason,
            kind: unread.kind,
            length: unread.length,
            network: unread.network,
            count: unread.count,
            last_seen: unread.last_seen,
            last_peer: unread.last_peer,
        }
    }
}

#[cfg(test)]
impl Unread {
    pub(crate) fn mock(reason: UnreadReason, kind: u8, length: u8, count: u64) -> Self {
        Self {
            reason,
            kind,
            length,
            network: "10.7.0.0/24".parse().unwrap(),
            count,
            last_seen: now() - 3,
            last_peer: "10.7.0.2".parse().unwrap(),
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
            let unread = Unread::mock(UnreadReason::Foreign, kind, len, 1);
            let found = unread.possible_format().map(|format| format.to_string());
            assert_eq!(found.as_deref(), format, "{kind}/{len}");
        }
    }

    #[test]
    fn the_sum_of_connections_never_overflows() {
        let recent = Recent {
            toa: 1,
            not_sent: u64::MAX,
            late: 5,
            ..Recent::default()
        };
        assert_eq!(recent.connections(), u64::MAX);
    }
}
