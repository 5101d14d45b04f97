//! The report for people.

use std::fmt;
use std::time::{Duration, SystemTime};

use toa_bpf::{Lifetime, Scope, Status, Unread, UnreadReason};

use super::seen::Seen;
use super::{Ebpf, Report, Source};
use crate::module::Module;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answers = match self.answers {
            Some(Source::Ebpf) => "the eBPF program answers",
            Some(Source::Module) => "the kernel module answers",
            Some(Source::ThirdParty) => "a third-party module answers",
            None => "none answers",
        };
        line(f, "source", answers)?;
        for (number, ebpf) in self.ebpf.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            source(f, ebpf, self.ebpf.len() > 1)?;
        }
        if let Some(found) = &self.module {
            module(f, found)?;
        }
        if let Some(reason) = &self.ebpf_unknown {
            writeln!(f, "\nmore is not known: {reason}")?;
        } else if self.problems.is_empty() {
            writeln!(f, "\nnothing is wrong")?;
        }
        for problem in &self.problems {
            write!(f, "\n! {problem}\n")?;
        }
        Ok(())
    }
}

fn source(f: &mut fmt::Formatter<'_>, ebpf: &Ebpf, one_of_several: bool) -> fmt::Result {
    let status = &ebpf.status;
    let loaded = format!("{}, by version {}", since(status.since), status.version);
    line(f, "loaded", &loaded)?;
    let closest = match one_of_several && ebpf.answers {
        true => ", and answers here",
        false => "",
    };
    line(f, "covers", &format!("{}{closest}", scope(status)))?;
    if status.scope != Scope::Gone {
        line(f, "stays", &lifetime(status))?;
    }
    let trusted = if status.trust_any {
        "everybody".to_owned()
    } else if status.trusted.is_empty() {
        "nobody".to_owned()
    } else {
        list(&status.trusted)
    };
    line(f, "trusts", &trusted)?;
    line(f, "formats", &status.formats.to_string())?;
    let peername = if status.peername {
        "the client"
    } else {
        "the TCP peer"
    };
    line(f, "getpeername", &format!("shows {peername}"))?;
    if status.insecure_believe_implausible {
        line(f, "implausible", "options are believed")?;
    }
    line(f, "recent", &Seen::by_ebpf(status).shares())?;
    unread(f, &status.unread)?;
    counters(f, status.counters.iter())
}

/// Only the most frequent; programs get all.
fn unread(f: &mut fmt::Formatter<'_>, unread: &[Unread]) -> fmt::Result {
    const SHOWN: usize = 8;
    for unread in unread.iter().take(SHOWN) {
        let reason = match unread.reason {
            UnreadReason::UnknownKind => "of no configured kind",
            UnreadReason::Foreign => "of no configured length",
            UnreadReason::Untrusted => "untrusted",
            UnreadReason::Invalid => "malformed or with an impossible address",
            UnreadReason::Implausible => "implausible",
            UnreadReason::Late => "in later data",
            _ => "not read",
        };
        let Unread {
            kind,
            length,
            network,
            count,
            last_seen,
            last_peer,
            ..
        } = unread;
        let last = format!("the last {} ago from {last_peer}", ago(*last_seen));
        let option = format!("{kind}/{length} {reason}: {count} from {network}, {last}");
        line(f, "unread", &option)?;
    }
    match unread.len().saturating_sub(SHOWN) {
        0 => Ok(()),
        more => line(f, "unread", &format!("and {more} more: --json has them")),
    }
}

fn module(f: &mut fmt::Formatter<'_>, module: &Module) -> fmt::Result {
    let loaded = module.since().map_or_else(|| "yes".to_owned(), since);
    line(f, "module", &loaded)?;
    for (name, value) in &module.parameters {
        line(f, name, value)?;
    }
    if let Some(found) = &module.diagnosis {
        line(f, "recent", &Seen::by_module(module).shares())?;
        unread(f, &found.unread)?;
    }
    let values = module.counters.iter();
    counters(f, values.map(|(name, value)| (name.as_str(), *value)))
}

/// What a source covers, in words.
pub(crate) fn scope(status: &Status) -> String {
    let path = status.cgroup.as_ref().map(|path| path.display());
    match (status.scope, path) {
        (Scope::Host, _) => "the whole host".to_owned(),
        (Scope::Gone, Some(path)) => format!("nothing: {path} was removed"),
        (Scope::Gone, None) => "nothing: its cgroup was removed".to_owned(),
        (_, Some(path)) => path.to_string(),
        (_, None) => "a cgroup that is not visible from here".to_owned(),
    }
}

/// How long a source stays, in words.
pub(crate) fn lifetime(status: &Status) -> String {
    match &status.lifetime {
        Lifetime::Host if status.scope == Scope::Host => {
            "until `toa unload` or a reboot".to_owned()
        }
        Lifetime::Host => "until `toa unload`, a reboot, or the removal of its cgroup".to_owned(),
        Lifetime::Mount => match &status.pins {
            Some(pins) => format!(
                "until `toa unload`, or the BPF file system of {} is unmounted, which is not the host's",
                pins.display()
            ),
            None => "as long as a BPF file system that is not the host's".to_owned(),
        },
        Lifetime::Process { id, name } => format!("as long as process {id} ({name}) runs"),
        _ => "how long is not known, as its pins are not visible from here".to_owned(),
    }
}

fn line(f: &mut fmt::Formatter<'_>, name: &str, value: &str) -> fmt::Result {
    writeln!(f, "{name:<12} {value}")
}

fn list(items: &[impl ToString]) -> String {
    items
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

fn counters<'a>(
    f: &mut fmt::Formatter<'_>,
    counters: impl Iterator<Item = (&'a str, u64)>,
) -> fmt::Result {
    for (name, value) in counters {
        writeln!(f, "  {name:<22} {value:>12}")?;
    }
    Ok(())
}

/// `since 2026-11-23T10:00:00Z (2h 3m)`; `seconds` counts from 1970.
fn since(seconds: u64) -> String {
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    format!(
        "since {} ({})",
        humantime::format_rfc3339_seconds(at),
        ago(seconds)
    )
}

fn ago(seconds: u64) -> humantime::FormattedDuration {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    humantime::format_duration(Duration::from_secs(now.as_secs().saturating_sub(seconds)))
}
