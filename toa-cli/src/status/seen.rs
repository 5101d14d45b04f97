//! What a source saw of late: the shares in words, and the troubles that they show.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::time::SystemTime;

use toa_bpf::{Recent, Status, Unread, UnreadReason};
use toa_core::{OptionFormat, OptionFormats, TrustedPeers};

use super::load_command::load_command;
use super::problem::{Problem, ProblemKind};
use crate::module::Module;

/// Troubles are drawn from these figures, of the last minutes where a source tells them, so
/// that a trouble that is over leaves the list.
pub(super) struct Seen<'a> {
    /// Of which time: `in the last 16 minutes`, `so far`.
    when: String,
    toa: u64,
    not_sent: u64,
    foreign: u64,
    untrusted: u64,
    invalid: u64,
    implausible: u64,
    lost: u64,
    late: u64,
    unread: Vec<&'a Unread>,
    /// What is configured, where that is known.
    settings: Option<(OptionFormats, TrustedPeers)>,
    words: Words,
}

/// How a source is told its settings.
struct Words {
    trust: &'static str,
    /// What the formats are written behind.
    format: String,
    /// And where, if that does not say it.
    format_where: &'static str,
}

impl Words {
    fn of_module() -> Self {
        Self {
            trust: TRUSTED_OF_MODULE,
            format: "formats=".to_owned(),
            format_where: " (at once: /sys/module/toa/parameters/formats; for the next load: \
                           behind `options toa` in /etc/modprobe.d/toa.conf)",
        }
    }
}

/// How the module is told whose option it believes.
pub(super) const TRUSTED_OF_MODULE: &str = "trusted= (at once: /sys/module/toa/parameters/trusted; \
     for the next load: behind `options toa` in /etc/modprobe.d/toa.conf)";

impl<'a> Seen<'a> {
    pub(super) fn by_ebpf(status: &'a Status) -> Self {
        Self::of_recent(
            &status.recent,
            &status.unread,
            Some((status.formats.clone(), status.config().trusted)),
            load_command(status),
        )
    }

    fn of_recent(
        recent: &Recent,
        unread: &'a [Unread],
        settings: Option<(OptionFormats, TrustedPeers)>,
        command: String,
    ) -> Self {
        let is_recent = |unread: &&Unread| recent.since.is_some_and(|s| unread.last_seen >= s);
        Self {
            when: in_the_last(recent.since),
            toa: recent.toa,
            not_sent: recent.not_sent,
            foreign: recent.foreign,
            untrusted: recent.untrusted,
            invalid: recent.invalid,
            implausible: recent.implausible,
            lost: recent.lost,
            late: recent.late,
            unread: unread.iter().filter(is_recent).collect(),
            settings,
            words: Words {
                trust: "--trust",
                format: command,
                format_where: "",
            },
        }
    }

    pub(super) fn by_module(module: &'a Module) -> Self {
        match &module.diagnosis {
            Some(found) => Self {
                words: Words::of_module(),
                ..Self::of_recent(
                    &found.recent,
                    &found.unread,
                    module.settings(),
                    String::new(),
                )
            },
            None => Self::by_counters(module),
        }
    }

    /// Of a module that tells nothing else, or not to this user.
    fn by_counters(module: &Module) -> Self {
        let counter = |name| module.counter(name);
        let refused = ["foreign", "untrusted", "invalid", "implausible"].map(counter);
        let [foreign, untrusted, invalid, implausible] = refused;
        let without: u64 = counter("syn_recv_sock_no_toa");
        Self {
            when: "so far".to_owned(),
            toa: counter("syn_recv_sock_toa"),
            not_sent: without.saturating_sub(refused.iter().sum()),
            foreign,
            untrusted,
            invalid,
            implausible,
            lost: counter("alloc_failed") + counter("probe_missed"),
            late: 0,
            unread: Vec::new(),
            settings: None,
            words: Words::of_module(),
        }
    }

    /// `in the last 16 minutes, of 200 connections: 96 % with a client's address, ...`
    pub(super) fn shares(&self) -> String {
        let kinds = [
            (self.toa, "with a client's address"),
            (self.not_sent, "without an option"),
            (self.foreign, "in a format that is not configured"),
            (self.untrusted, "from a peer that is not trusted"),
            (self.invalid, "malformed or with an impossible address"),
            (self.implausible, "implausible"),
            (self.lost, "lost for want of memory"),
        ];
        let total: u64 = kinds.iter().map(|(count, _)| count).sum();
        if total == 0 {
            return "no connections".to_owned();
        }
        let shares: Vec<String> = kinds
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{} {what}", percent(*count, total)))
            .collect();
        let late = match self.late {
            0 => String::new(),
            late => format!("; an option in later data: {late}"),
        };
        format!(
            "{}, of {total} connections: {}{late}",
            self.when,
            shares.join(", ")
        )
    }

    pub(super) fn troubles(&self) -> Vec<Problem> {
        let mut troubles = self.other_formats();
        let (when, trust) = (&self.when, self.words.trust);
        let from = |reason| match self.networks(reason) {
            networks if networks.is_empty() => String::new(),
            networks => format!(", from {networks}"),
        };
        let others = self.foreign + self.untrusted + self.invalid + self.implausible + self.late;
        if self.toa == 0 && self.not_sent > 0 && others == 0 && troubles.is_empty() {
            troubles.push(ProblemKind::NoAddresses.told(self.none_was_read()));
        }
        if self.late > 0 {
            troubles.push(ProblemKind::Late.told(format!(
                "{} connections {when} brought the option only after their handshake{}, where it is \
                 not read, since whoever is behind the balancer can write it there: the balancer \
                 must put it into the segment that completes the handshake. Where it comes with the \
                 first data, a listener with TCP_DEFER_ACCEPT (nginx: `listen ... deferred`) makes \
                 that segment the one",
                self.late,
                from(UnreadReason::Late)
            )));
        }
        if self.untrusted > 0 {
            troubles.push(ProblemKind::Untrusted.told(format!(
                "{} options {when} were refused because their peer is not trusted{}: if those peers \
                 are your balancer, name its networks with {trust}; if not, somebody tries to forge \
                 addresses",
                self.untrusted,
                from(UnreadReason::Untrusted)
            )));
        }
        if self.invalid > 0 {
            troubles.push(ProblemKind::Invalid.told(format!(
                "{} options {when} were refused because they are malformed, or for an address that \
                 no client has or a version that is not known{}: capture one (`tcpdump -nX`); the \
                 balancer writes it, or it lets a client's own option pass",
                self.invalid,
                from(UnreadReason::Invalid)
            )));
        }
        if self.implausible > 0 {
            troubles.push(ProblemKind::Implausible.told(format!(
                "{} options {when} were refused because no balancer can have put them there{}: it \
                 had no room for its own; a client behind it fills the list, and the balancer lets \
                 clients' own options pass",
                self.implausible,
                from(UnreadReason::Implausible)
            )));
        }
        if self.lost > 0 {
            troubles.push(ProblemKind::Lost.told(format!(
                "{} connections {when} lost their address: the kernel was out of memory, or out of \
                 probes",
                self.lost
            )));
        }
        troubles
    }

    fn none_was_read(&self) -> String {
        let (connections, when, trust) = (self.not_sent, &self.when, self.words.trust);
        let unread = self.unread.iter().filter(|unread| {
            unread.reason == UnreadReason::UnknownKind
                && !self.is_from_balancer(unread)
                && !is_of_tcp(unread.kind, unread.length)
        });
        let networks = listed(unread.map(|unread| unread.network));
        if networks.is_empty() {
            return format!(
                "none of the {connections} connections {when} brought an option: check that the \
                 balancer is told to send it. Where it puts it into the SYN no source reads it: \
                 `toa watch` shows that, and a service can read it there itself \
                 (`with_saved_syn()` of the Rust library)"
            );
        }
        format!(
            "none of the {connections} connections {when} brought an option of a kind that is read; \
             others came from {networks}, which is not trusted: if that is your balancer, name it \
             with {trust}; status then tells which format it sends"
        )
    }

    fn is_from_balancer(&self, unread: &Unread) -> bool {
        self.settings
            .as_ref()
            .is_none_or(|(_, trusted)| trusted.contains(unread.last_peer))
    }

    /// The first few networks that options came from.
    fn networks(&self, reason: UnreadReason) -> String {
        let unread = self.unread.iter().filter(|unread| unread.reason == reason);
        listed(unread.map(|unread| unread.network))
    }

    /// Options of trusted peers that some other format has, or that no known one has while
    /// nothing else comes.
    fn other_formats(&self) -> Vec<Problem> {
        let mut options = BTreeMap::<_, Vec<&Unread>>::new();
        for &unread in &self.unread {
            let unset = matches!(
                unread.reason,
                UnreadReason::UnknownKind | UnreadReason::Foreign
            );
            if unset && self.is_from_balancer(unread) {
                let option = (unread.kind, unread.length);
                options.entry(option).or_default().push(unread);
            }
        }
        let told = options.into_iter().filter_map(|((kind, len), seen)| {
            let count: u64 = seen.iter().map(|unread| unread.count).sum();
            let networks = listed(seen.iter().map(|unread| unread.network));
            let came = format!("option {kind}/{len} came {count} times from {networks}");
            match formats_with(kind, len).as_slice() {
                [] if self.toa > 0 || is_of_tcp(kind, len) => None,
                [] => Some(format!(
                    "{came}, of no format that this version knows: if your balancer sends it, ask \
                     its maker what it holds{}",
                    self.if_like_toa(kind, len)
                )),
                formats => {
                    let names: Vec<_> = formats.iter().map(ToString::to_string).collect();
                    Some(format!(
                        "{came}, which is the format {}: if your balancer sends it, {}",
                        names.join(" or "),
                        self.how_to_read(formats[0])
                    ))
                }
            }
        });
        told.map(|text| ProblemKind::NotRead.told(text)).collect()
    }

    fn how_to_read(&self, format: OptionFormat) -> String {
        let (word, place) = (&self.words.format, self.words.format_where);
        let formats = self.settings.as_ref().map(|(formats, _)| formats);
        let both = formats.map(|formats| OptionFormats::new(formats.iter().chain([format])));
        match (both, formats) {
            (Some(Ok(both)), _) => format!("`{word}{both}`{place} reads it"),
            (Some(Err(_)), Some(formats)) => {
                format!("`{word}{format}`{place} reads it, instead of {formats}")
            }
            _ => format!("`{word}{format}`{place} reads it"),
        }
    }

    fn if_like_toa(&self, kind: u8, len: u8) -> String {
        let format = OptionFormat::ToaAt(kind);
        // A kind with a meaning of its own in TCP can be read by no load.
        match OptionFormats::new([format]).is_ok() && format.reads(kind, len.into()) {
            true => format!(
                "; if that is a port and an address, {}",
                self.how_to_read(format)
            ),
            false => String::new(),
        }
    }
}

/// The formats with names that read an option of this kind and length.
fn formats_with(kind: u8, len: u8) -> Vec<OptionFormat> {
    let mut formats = OptionFormat::NAMED.to_vec();
    formats.retain(|format| format.reads(kind, len.into()));
    formats
}

/// The experimental Fast Open cookie and SMC share the kinds 253 and 254.
fn is_of_tcp(kind: u8, len: u8) -> bool {
    kind >= 253 && matches!(len, 4 | 6 | 12)
}

fn listed<T: Display + Ord>(items: impl Iterator<Item = T>) -> String {
    const SHOWN: usize = 3;
    let items: BTreeSet<T> = items.collect();
    let shown: Vec<String> = items.iter().take(SHOWN).map(T::to_string).collect();
    match items.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn percent(count: u64, total: u64) -> String {
    match (count * 100 + total / 2) / total {
        0 => "under 1 %".to_owned(),
        100 if count < total => "over 99 %".to_owned(),
        percent => format!("{percent} %"),
    }
}

/// `since` counts seconds from 1970.
fn in_the_last(since: Option<u64>) -> String {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let seconds = since.map_or(0, |since| now.as_secs().saturating_sub(since));
    match seconds.div_ceil(60) {
        0 | 1 => "in the last minute".to_owned(),
        minutes => format!("in the last {minutes} minutes"),
    }
}

#[cfg(test)]
mod tests;
