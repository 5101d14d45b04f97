//! What the kernel counts of each program: how often it ran, and how long.

use std::time::Duration;

use anyhow::Context as _;
use aya::programs::loaded_programs;
use aya::sys::{Stats, enable_stats};
use toa_bpf::Attached;

use crate::section::Table;

/// One program's runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Runs {
    pub(super) name: &'static str,
    pub(super) count: u64,
    pub(super) time: Duration,
}

impl Runs {
    pub(super) fn each(&self) -> f64 {
        self.time.as_nanos() as f64 / self.count.max(1) as f64
    }
}

/// The runs of the source's programs while `work` is done. The kernel counts only then:
/// its two readings of the clock are inside the figure.
pub(super) fn during(
    source: &Attached,
    work: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<Vec<Runs>> {
    let counting =
        enable_stats(Stats::RunTime).context("the kernel does not count programs' runs")?;
    let before = now(source)?;
    work()?;
    let mut runs = now(source)?;
    drop(counting);
    for (after, before) in runs.iter_mut().zip(before) {
        after.count -= before.count;
        after.time -= before.time;
    }
    Ok(runs)
}

fn now(source: &Attached) -> anyhow::Result<Vec<Runs>> {
    let ours = source.status()?.programs;
    let all: Vec<_> = loaded_programs().flatten().collect();
    ours.iter()
        .map(|program| {
            let info = all.iter().find(|info| info.id() == program.program_id);
            let info = info.with_context(|| format!("{} is gone", program.name))?;
            Ok(Runs {
                name: program.name,
                count: info.run_count(),
                time: info.run_time(),
            })
        })
        .collect()
}

/// A row for each program that ran, for each kind of work, which was done `count` times.
pub(super) fn table(per: &str, count: u32, kinds: &[(&str, Vec<Runs>)]) -> Table {
    let columns = [
        "program",
        &format!("runs per {per}"),
        "ns per run",
        &format!("ns per {per}"),
    ];
    let rows = kinds.iter().flat_map(|(kind, runs)| {
        let ran = runs.iter().filter(|runs| runs.count > 0);
        ran.map(move |runs| {
            let often = runs.count as f64 / f64::from(count);
            vec![
                format!("{kind}: `{}`", runs.name),
                format!("{often:.2}"),
                format!("{:.0}", runs.each()),
                format!("{:.0}", runs.each() * often),
            ]
        })
    });
    Table {
        columns: columns.map(str::to_owned).to_vec(),
        rows: rows.collect(),
    }
}
