//! A source and its counters, whichever it is.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use toa_bpf::{Scope, Status, Unread};

use super::encode::Labels;
use crate::module::Module;
use crate::status::{Ebpf, Report, Source};

/// Values of a label, and the counters of the sources that are summed for each.
type Table = [(&'static str, &'static [&'static str])];

/// What becomes of a connection; each is in one of them.
const OUTCOMES: &Table = &[
    ("toa", &["syn_recv_sock_toa"]),
    ("not_sent", &["not_sent"]),
    ("untrusted", &["untrusted"]),
    ("invalid", &["invalid"]),
    ("foreign", &["foreign"]),
    ("implausible", &["implausible"]),
    ("lost", &["store_failed", "alloc_failed"]),
];

/// A third party's module counts no reasons.
const COARSE_OUTCOMES: &Table = &[
    ("toa", &["syn_recv_sock_toa"]),
    ("no_address", &["syn_recv_sock_no_toa"]),
];

/// What getpeername() and accept() show.
pub(super) const GETPEERNAME: &Table = &[
    ("client", &["getname_toa_ok"]),
    ("family_mismatch", &["getname_toa_mismatch"]),
    ("switched_off", &["getname_toa_bypass"]),
    ("no_client", &["getname_toa_empty"]),
];

/// One source.
#[derive(Debug)]
pub(super) struct Counted {
    /// Which it is; no other has the same.
    pub(super) labels: Labels,
    /// Its settings.
    pub(super) info: Labels,
    /// When it was loaded, in seconds since 1970.
    pub(super) since: Option<u64>,
    counters: BTreeMap<String, u64>,
    /// Options that gave no address, the most frequent first.
    pub(super) unread: Vec<Unread>,
}

impl Counted {
    /// What covered a cgroup that is gone judges nothing any more, and another may have its name.
    pub(super) fn all(report: &Report) -> Vec<Self> {
        let is_third_party = report.answers == Some(Source::ThirdParty);
        let mut ebpf: Vec<&Ebpf> = report.ebpf.iter().collect();
        // A demo beside a loaded source, or cgroups that are not visible from here: Prometheus
        // takes no two series of one name, and the one that answers is shown.
        ebpf.sort_by_key(|ebpf| !ebpf.answers);
        let ebpf = ebpf
            .into_iter()
            .map(|ebpf| &ebpf.status)
            .filter(|status| status.scope != Scope::Gone)
            .map(Self::ebpf);
        let module = report.module.iter();
        let mut all: Vec<Self> = Vec::new();
        for source in ebpf.chain(module.map(|module| Self::module(module, is_third_party))) {
            if all.iter().all(|known| known.labels != source.labels) {
                all.push(source);
            }
        }
        all
    }

    fn ebpf(status: &Status) -> Self {
        let counters = status.counters.iter();
        Self {
            labels: labels(Source::Ebpf, &cgroup(status)),
            info: info(
                &status.version,
                &status.formats.to_string(),
                Some(status.peername),
            ),
            since: Some(status.since),
            counters: counters
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            unread: most_frequent(&status.unread),
        }
    }

    fn module(module: &Module, is_third_party: bool) -> Self {
        let source = match is_third_party {
            true => Source::ThirdParty,
            false => Source::Module,
        };
        let noticed = module.diagnosis.as_ref();
        let parameter = |name| module.parameters.get(name).map(String::as_str);
        Self {
            labels: labels(source, "/"),
            info: info(
                module.version.as_deref().unwrap_or_default(),
                parameter("formats").unwrap_or_default(),
                parameter("peername").map(|value| value == "Y"),
            ),
            since: module.since(),
            counters: module.counters.iter().cloned().collect(),
            unread: noticed.map_or_else(Vec::new, |noticed| most_frequent(&noticed.unread)),
        }
    }

    /// The sum of those of the counters that the source has, if it has one.
    pub(super) fn counter(&self, names: &[&str]) -> Option<u64> {
        let values = names.iter().filter_map(|name| self.counters.get(*name));
        values.copied().reduce(u64::saturating_add)
    }

    pub(super) fn by_name(&self, table: &Table) -> Vec<(&'static str, u64)> {
        let values = table.iter();
        values
            .filter_map(|(value, counters)| Some((*value, self.counter(counters)?)))
            .collect()
    }

    pub(super) fn outcomes(&self) -> Vec<(&'static str, u64)> {
        self.by_name(match self.counter(&["not_sent"]) {
            Some(_) => OUTCOMES,
            None => COARSE_OUTCOMES,
        })
    }

    /// How many connections it keeps an address of. Other CPUs go on counting meanwhile.
    pub(super) fn open(&self) -> Option<u64> {
        let kept = self.counter(&["ip6_address_alloc"])?;
        Some(kept.saturating_sub(self.counter(&["ip6_address_free"])?))
    }
}

/// Peers can be many, and each would be a series.
const UNREAD: usize = 20;

fn most_frequent(unread: &[Unread]) -> Vec<Unread> {
    let mut unread = unread.to_vec();
    unread.sort_by_key(|unread| Reverse(unread.count));
    unread.truncate(UNREAD);
    unread
}

fn labels(source: Source, cgroup: &str) -> Labels {
    vec![
        ("source", source.as_str().to_owned()),
        ("cgroup", cgroup.to_owned()),
    ]
}

fn info(version: &str, formats: &str, shows_client: Option<bool>) -> Labels {
    let shown = match shows_client {
        Some(true) => "client",
        Some(false) => "peer",
        None => "",
    };
    vec![
        ("version", version.to_owned()),
        ("formats", formats.to_owned()),
        ("getpeername", shown.to_owned()),
    ]
}

/// `/` is the whole host.
fn cgroup(status: &Status) -> String {
    match (status.scope, &status.cgroup) {
        (Scope::Host, _) => "/".to_owned(),
        (_, Some(path)) => path.display().to_string(),
        (_, None) => "hidden".to_owned(),
    }
}
