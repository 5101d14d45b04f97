//! `toa metrics` and `toa exporter`: what `toa status` tells, for Prometheus.

mod counted;
mod encode;
mod exporter;
mod families;
mod textfile;

use std::path::PathBuf;

use crate::output::{Outcome, complain, say};
use crate::status::{Report, Subject};

pub(crate) use exporter::Exporter;

/// Print what the sources counted, in the Prometheus text format
///
/// It asks the kernel once, as `toa status` does and with the same capabilities. Where the
/// kernel does not tell, `toa_up` is 0, standard error says why, and the exit code is 2.
#[derive(Debug, clap::Args)]
pub(crate) struct Metrics {
    #[command(flatten)]
    subject: Subject,
    /// Write them to this file, whose name ends in .prom, for the textfile collector of
    /// node_exporter; a reader sees the old file or the new one, never half of it
    #[arg(long, value_name = "PATH")]
    textfile: Option<PathBuf>,
}

impl Metrics {
    pub(crate) fn run(&self) -> anyhow::Result<Outcome> {
        let scrape = Scrape::of(&self.subject);
        match &self.textfile {
            Some(path) => textfile::write(path, &scrape.text)?,
            None => say(&scrape.text)?,
        }
        let Some(why) = scrape.unknown else {
            return Ok(Outcome::Healthy);
        };
        complain(format_args!("toa: {why}\n"));
        Ok(Outcome::Error)
    }
}

/// The answer to one question.
struct Scrape {
    text: String,
    /// Why not all is known.
    unknown: Option<String>,
}

impl Scrape {
    fn of(subject: &Subject) -> Self {
        match subject.ask() {
            Ok(report) => Self {
                text: text(Some(&report)),
                unknown: unknown(&report),
            },
            Err(error) => Self {
                text: text(None),
                unknown: Some(format!("{error:#}")),
            },
        }
    }
}

fn text(report: Option<&Report>) -> String {
    encode::text(families::families(report))
}

/// Why the series of some source may be missing.
fn unknown(report: &Report) -> Option<String> {
    let unreadable = report
        .module
        .as_ref()
        .filter(|module| module.counters.is_empty())
        .map(|_| {
            "a kernel module is loaded, and its /proc/net/toa_stats cannot be read".to_owned()
        });
    report.ebpf_unknown.clone().or(unreadable)
}
