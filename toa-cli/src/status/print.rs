//! The report for people.

use std::fmt;
use std::time::{Duration, SystemTime};

use super::{Report, Source};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answers = match self.answers {
            Some(Source::Ebpf) => "the eBPF program answers",
            Some(Source::Module) => "the kernel module answers",
            Some(Source::ThirdParty) => "a third-party module answers",
            None => "none answers",
        };
        line(f, "source", answers)?;
        if let Some(status) = &self.ebpf {
            line(
                f,
                "loaded",
                &format!("{}, by version {}", since(status.since), status.version),
            )?;
            if let Some(cgroup) = &status.cgroup {
                line(f, "covers", &cgroup.display().to_string())?;
            }
            let trusted = if status.trust_any {
                "everybody".to_owned()
            } else {
                list(&status.trusted)
            };
            line(f, "trusts", &trusted)?;
            line(f, "kinds", &list(&status.kinds))?;
            let peername = if status.peername {
                "the client"
            } else {
                "the TCP peer"
            };
            line(f, "getpeername", &format!("shows {peername}"))?;
            if status.insecure_believe_implausible {
                line(f, "implausible", "options are believed")?;
            }
            counters(f, status.counters.iter())?;
        }
        if let Some(module) = &self.module {
            let loaded = module.since().map_or_else(|| "yes".to_owned(), since);
            line(f, "module", &loaded)?;
            for (name, value) in &module.parameters {
                line(f, name, value)?;
            }
            counters(
                f,
                module
                    .counters
                    .iter()
                    .map(|(name, value)| (name.as_str(), *value)),
            )?;
        }
        if self.problems.is_empty() {
            return writeln!(f, "\nnothing is wrong");
        }
        for problem in &self.problems {
            write!(f, "\n! {problem}\n")?;
        }
        Ok(())
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
    let ago = SystemTime::now().duration_since(at).unwrap_or_default();
    let ago = Duration::from_secs(ago.as_secs());
    format!(
        "since {} ({})",
        humantime::format_rfc3339_seconds(at),
        humantime::format_duration(ago)
    )
}
