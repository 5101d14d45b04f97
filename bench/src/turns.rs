//! Candidates take turns, so that what else the machine does falls on all of them.

use std::ops::Add;
use std::time::Duration;

use crate::load::Done;
use crate::options::Options;
use crate::process::Running;
use crate::spread::Spread;

/// How often, and how long each time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turns {
    /// Figures of each candidate.
    pub(crate) rounds: usize,
    /// Turns that add up to one figure. Short ones, so that what else the machine does
    /// for a while falls on all candidates alike.
    pub(crate) slices: usize,
    pub(crate) duration: Duration,
}

impl Turns {
    pub(crate) fn new(options: &Options) -> Self {
        let (rounds, slices, duration) = if options.quick {
            (2, 2, 20)
        } else {
            (25, 10, 40)
        };
        Self {
            rounds,
            slices,
            duration: Duration::from_millis(duration),
        }
    }

    /// Lets `candidates` take turns, every other time in the opposite order; what came
    /// of it, by candidate and round.
    pub(crate) fn take<T: Add<Output = T> + Copy>(
        self,
        candidates: usize,
        mut turn: impl FnMut(usize) -> anyhow::Result<T>,
    ) -> anyhow::Result<Vec<Vec<T>>> {
        let mut outcomes: Vec<Vec<T>> = vec![Vec::new(); candidates];
        for round in 0..self.rounds {
            for slice in 0..self.slices {
                for step in 0..candidates {
                    let forth = (round * self.slices + slice).is_multiple_of(2);
                    let candidate = if forth { step } else { candidates - 1 - step };
                    let outcome = turn(candidate)?;
                    let sums = &mut outcomes[candidate];
                    match sums.get_mut(round) {
                        Some(sum) => *sum = *sum + outcome,
                        None => sums.push(outcome),
                    }
                }
            }
        }
        Ok(outcomes)
    }
}

/// What a server did in its turns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    done: Done,
    /// The server's processor time.
    spent: Duration,
}

impl Work {
    pub(crate) fn measure(
        server: &Running,
        load: impl FnOnce() -> anyhow::Result<Done>,
    ) -> anyhow::Result<Self> {
        let before = server.cpu_time()?;
        let done = load()?;
        let spent = server.cpu_time()?.saturating_sub(before);
        Ok(Self { done, spent })
    }

    /// Connections or requests per second.
    fn rate(&self) -> f64 {
        f64::from(self.done.count) / self.done.time.as_secs_f64()
    }

    /// The server's processor time for each, in microseconds.
    fn cpu(&self) -> f64 {
        self.spent.as_secs_f64() * 1e6 / f64::from(self.done.count.max(1))
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
            spent: self.spent + other.spent,
        }
    }
}

/// A candidate's turns beside those of the reference.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Comparison {
    rate: Spread,
    cpu: Spread,
    cpu_ratio: Spread,
    pub(crate) rate_ratio: Spread,
}

impl Comparison {
    pub(crate) fn of(candidate: &[Work], reference: &[Work]) -> Self {
        let rates = |turns: &[Work]| turns.iter().map(Work::rate).collect::<Vec<_>>();
        let cpus = |turns: &[Work]| turns.iter().map(Work::cpu).collect::<Vec<_>>();
        Self {
            rate: Spread::of(rates(candidate)),
            rate_ratio: Spread::of_ratios(&rates(candidate), &rates(reference)),
            cpu: Spread::of(cpus(candidate)),
            cpu_ratio: Spread::of_ratios(&cpus(candidate), &cpus(reference)),
        }
    }

    /// The cells after the name; the reference has no ratios.
    pub(crate) fn cells(&self, is_reference: bool) -> Vec<String> {
        let ratio = |spread: &Spread| match is_reference {
            true => "1".to_owned(),
            false => spread.to_string(),
        };
        vec![
            format!("{:.0}", self.rate.median),
            ratio(&self.rate_ratio),
            format!("{:.1}", self.cpu.median),
            ratio(&self.cpu_ratio),
        ]
    }

    pub(crate) fn columns(what: &str, per: &str) -> Vec<String> {
        [
            what,
            "per second",
            "ratio",
            &format!("server's CPU time per {per}, µs"),
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
    fn every_candidate_has_a_turn_per_round_and_none_is_always_first() {
        let turns = Turns {
            rounds: 1,
            slices: 2,
            duration: Duration::ZERO,
        };
        let mut order = Vec::new();
        let outcomes = turns.take(3, |candidate| {
            order.push(candidate);
            Ok(candidate)
        });
        assert_eq!(outcomes.expect("no turn fails"), [[0], [2], [4]]);
        assert_eq!(order, [0, 1, 2, 2, 1, 0]);
    }
}
