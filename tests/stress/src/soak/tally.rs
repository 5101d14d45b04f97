//! The outcomes of all connections, counted.

use std::collections::BTreeMap;
use std::fmt;

use super::expectation::Match;

/// The outcome of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Answered(Match),
    /// Ended by the server or not served, where that is allowed.
    Refused,
    /// Ended by us, as planned.
    Aborted,
    /// A wrong answer.
    Wrong(String),
    /// Neither answered nor refused, without a reason.
    Unanswered(String),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) client: u64,
    pub(crate) peer: u64,
    pub(crate) either: u64,
    pub(crate) refused: u64,
    pub(crate) aborted: u64,
    pub(crate) wrong: u64,
    pub(crate) unanswered: u64,
}

impl Counts {
    pub(crate) const fn answered(&self) -> u64 {
        self.client + self.peer + self.either
    }

    fn add(&mut self, outcome: &Outcome) {
        *match outcome {
            Outcome::Answered(Match::Client) => &mut self.client,
            Outcome::Answered(Match::Peer) => &mut self.peer,
            Outcome::Answered(Match::Either) => &mut self.either,
            Outcome::Refused => &mut self.refused,
            Outcome::Aborted => &mut self.aborted,
            Outcome::Wrong(_) => &mut self.wrong,
            Outcome::Unanswered(_) => &mut self.unanswered,
        } += 1;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for count in [
            self.client,
            self.peer,
            self.either,
            self.refused,
            self.aborted,
            self.wrong,
            self.unanswered,
        ] {
            write!(f, "{count:>11}")?;
        }
        Ok(())
    }
}

/// Counts by the clients' behavior, and by their option variant.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) all: Counts,
    behaviors: BTreeMap<&'static str, Counts>,
    variants: BTreeMap<&'static str, Counts>,
}

impl Tally {
    pub(crate) fn of_variant(&self, name: &str) -> Counts {
        self.variants.get(name).copied().unwrap_or_default()
    }

    pub(crate) fn add(&mut self, behavior: &'static str, variant: &'static str, outcome: &Outcome) {
        /// Further ones tell nothing new.
        const SHOWN: u64 = 30;
        self.all.add(outcome);
        self.behaviors.entry(behavior).or_default().add(outcome);
        self.variants.entry(variant).or_default().add(outcome);
        let (Outcome::Wrong(why) | Outcome::Unanswered(why)) = outcome else {
            return;
        };
        if self.all.wrong + self.all.unanswered <= SHOWN {
            eprintln!("bad: {behavior}, {variant}: {why}");
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<24}{:>11}{:>11}{:>11}{:>11}{:>11}{:>11}{:>11}",
            "connections", "client", "peer", "either", "refused", "aborted", "wrong", "unanswered"
        )?;
        for (name, counts) in self.behaviors.iter().chain(&self.variants) {
            writeln!(f, "{name:<24}{counts}")?;
        }
        write!(f, "{:<24}{}", "all", self.all)
    }
}
