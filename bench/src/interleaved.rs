//! Interleaved runs: the candidates take turns, so that what else the machine does falls on
//! all of them.

use std::ops::Add;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use crate::load::Done;
use crate::options::Options;
use crate::process::Running;
use crate::spread::Spread;

/// How many runs each candidate has, and how long one is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InterleavedRuns {
    /// Figures of each candidate.
    pub(crate) rounds: usize,
    /// Runs that add up to one figure. Short ones, so that what else the machine does
    /// for a while falls on all candidates alike.
    pub(crate) slices: usize,
    pub(crate) duration: Duration,
}

impl InterleavedRuns {
    pub(crate) fn new(options: &Options) -> Self {
        let (rounds, slices, duration) = if options.quick {
            (2, 2, 20)
        } else {
            (25, 4, 100)
        };
        Self {
            rounds,
            slices,
            duration: Duration::from_millis(duration),
        }
    }

    /// Runs each of `candidates` for each slice of each round; the sums of the slices, by
    /// candidate and round.
    pub(crate) fn interleave<T: Add<Output = T> + Copy>(
        self,
        candidates: usize,
        run: impl FnMut(usize) -> anyhow::Result<T>,
    ) -> anyhow::Result<Vec<Vec<T>>> {
        let outcomes = interleave(candidates, self.rounds * self.slices, run)?;
        let sums = |outcomes: &Vec<T>| {
            let rounds = outcomes
                .chunks(self.slices)
                .map(|slices| slices.iter().copied());
            rounds.filter_map(|slices| slices.reduce(T::add)).collect()
        };
        Ok(outcomes.iter().map(sums).collect())
    }
}

/// Runs every candidate once in each round, every other round in the opposite order; the
/// outcomes by candidate and round.
pub(crate) fn interleave<T>(
    candidates: usize,
    rounds: usize,
    mut run: impl FnMut(usize) -> anyhow::Result<T>,
) -> anyhow::Result<Vec<Vec<T>>> {
    let mut outcomes: Vec<Vec<T>> = (0..candidates).map(|_| Vec::new()).collect();
    for round in 0..rounds {
        for step in 0..candidates {
            let forward = round.is_multiple_of(2);
            let candidate = if forward { step } else { candidates - 1 - step };
            outcomes[candidate].push(run(candidate)?);
        }
    }
    Ok(outcomes)
}

/// What a server did in one run, or in several.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    done: Done,
    /// The processor time of the server.
    server: Duration,
    /// The processor time of the server, the clients and a balancer between them.
    all: Duration,
}

impl Work {
    pub(crate) fn measure(
        server: &Running,
        load: impl FnOnce() -> anyhow::Result<Done>,
    ) -> anyhow::Result<Self> {
        let ours = || clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map(Duration::from);
        let (server_before, ours_before) = (server.cpu_time()?, ours()?);
        let done = load()?;
        let spent = server.cpu_time()?.saturating_sub(server_before);
        Ok(Self {
            done,
            server: spent,
            all: spent + ours()?.saturating_sub(ours_before),
        })
    }

    /// Connections or requests per second.
    fn by_the_clock(&self) -> f64 {
        f64::from(self.done.count) / self.done.time.as_secs_f64()
    }

    /// The same per second of processor time, so per second of a busy processor that
    /// does nothing else.
    fn rate(&self) -> f64 {
        f64::from(self.done.count) / self.all.as_secs_f64()
    }

    /// The server's processor time for each connection or request, in microseconds.
    fn server_each(&self) -> f64 {
        self.server.as_secs_f64() * 1e6 / f64::from(self.done.count.max(1))
    }
}

impl Add for Work {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            done: Done {
                count: self.done.count + other.done.count,
                time: self.done.time + other.done.time,
            },
            server: self.server + other.server,
            all: self.all + other.all,
        }
    }
}

/// A figure of a candidate, and its ratio to the reference's.
type Figure = (Spread, Spread);

/// A candidate's figures, and their ratios to those of the reference.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Comparison {
    rate: Figure,
    server: Figure,
    by_the_clock: Figure,
}

impl Comparison {
    pub(crate) fn of(candidate: &[Work], reference: &[Work]) -> Self {
        let figure = |figure: fn(&Work) -> f64| {
            let [candidate, reference] =
                [candidate, reference].map(|runs| runs.iter().map(figure).collect::<Vec<_>>());
            let ratio = Spread::of_ratios(&candidate, &reference);
            (Spread::of(candidate), ratio)
        };
        Self {
            rate: figure(Work::rate),
            server: figure(Work::server_each),
            by_the_clock: figure(Work::by_the_clock),
        }
    }

    /// The ratio of the rates.
    pub(crate) fn bar(&self, name: &str) -> (String, f64, f64, f64) {
        self.rate.1.bar(name.replace('`', ""))
    }

    /// The cells after the name; the reference has no ratios.
    pub(crate) fn cells(&self, is_reference: bool) -> Vec<String> {
        let cells = |(figure, ratio): &Figure, digits: usize| {
            let ratio = match is_reference {
                true => "1".to_owned(),
                false => ratio.to_string(),
            };
            [format!("{:.digits$}", figure.median), ratio]
        };
        [
            cells(&self.rate, 0),
            cells(&self.server, 1),
            cells(&self.by_the_clock, 0),
        ]
        .concat()
    }

    pub(crate) fn columns(what: &str) -> Vec<String> {
        [
            what,
            "per second of CPU",
            "ratio",
            "server's CPU, µs each",
            "ratio",
            "per second by the clock",
            "ratio",
        ]
        .map(str::to_owned)
        .to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_candidate_runs_in_each_round_and_none_is_always_first() {
        let runs = InterleavedRuns {
            rounds: 1,
            slices: 2,
            duration: Duration::ZERO,
        };
        let mut order = Vec::new();
        let outcomes = runs.interleave(3, |candidate| {
            order.push(candidate);
            Ok(candidate)
        });
        assert_eq!(outcomes.expect("no run fails"), [[0], [2], [4]]);
        assert_eq!(order, [0, 1, 2, 2, 1, 0]);
    }
}
