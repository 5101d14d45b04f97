//! The same work without a source, with one on another cgroup, and with one on its own.

use super::sandbox::{Source, SourceSandbox};
use crate::interleaved::interleave;
use crate::section::Table;
use crate::spread::Spread;

/// What each kind of work took in each round, by where the source is.
#[derive(Debug)]
pub(super) struct SourceComparison<const KINDS: usize>(Vec<Vec<[f64; KINDS]>>);

impl<const KINDS: usize> SourceComparison<KINDS> {
    pub(super) fn measure(
        sandbox: &SourceSandbox,
        rounds: usize,
        work: impl Fn(usize) -> anyhow::Result<f64>,
    ) -> anyhow::Result<Self> {
        let all = || -> anyhow::Result<[f64; KINDS]> {
            let mut took = [0.0; KINDS];
            for (kind, took) in took.iter_mut().enumerate() {
                *took = work(kind)?;
            }
            Ok(took)
        };
        let sources = Source::ALL.len();
        interleave(sources, rounds, |source| {
            sandbox.with(Source::ALL[source], all)
        })
        .map(Self)
    }

    fn of(&self, source: Source, kind: usize) -> Vec<f64> {
        self.0[source as usize]
            .iter()
            .map(|all| all[kind])
            .collect()
    }

    pub(super) fn took(&self, source: Source, kind: usize) -> Spread {
        Spread::of(self.of(source, kind))
    }

    /// Against no source, round by round.
    pub(super) fn ratio(&self, source: Source, kind: usize) -> Spread {
        Spread::of_ratios(&self.of(source, kind), &self.of(Source::Absent, kind))
    }

    /// A row for each kind of work; `head` says what the work is.
    pub(super) fn table(&self, head: &str, kinds: [&str; KINDS]) -> Table {
        let columns = [
            head,
            "no source, ns",
            "source on another cgroup, ns",
            "ratio",
            "source, ns",
            "ratio",
        ];
        let row = |(kind, name): (usize, &str)| {
            let [absent, elsewhere, here] =
                Source::ALL.map(|source| format!("{:.0}", self.took(source, kind).median));
            let [beside, under] = [Source::Elsewhere, Source::Here]
                .map(|source| self.ratio(source, kind).to_string());
            vec![name.to_owned(), absent, elsewhere, beside, here, under]
        };
        Table {
            columns: columns.map(str::to_owned).to_vec(),
            rows: kinds.into_iter().enumerate().map(row).collect(),
        }
    }
}
