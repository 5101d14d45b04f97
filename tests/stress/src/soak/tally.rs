//! What came of all connections.

use std::collections::BTreeMap;
use std::fmt;

use super::judge::Right;

/// What came of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Answered(Right),
    /// Ended by the server or not served, where that is by design.
    Refused,
    /// Ended by us, as planned.
    Aborted,
    /// An answer that must not be.
    Wrong(String),
    /// Neither answered nor refused, for no reason.
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
            Outcome::Answered(Right::Client) => &mut self.client,
            Outcome::Answered(Right::Peer) => &mut self.peer,
            Outcome::Answered(Right::Either) => &mut self.either,
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

/// Counts by what the connections did, and by what they said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) all: Counts,
    deeds: BTreeMap<&'static str, Counts>,
    letters: BTreeMap<&'static str, Counts>,
}

impl Tally {
    pub(crate) fn add(&mut self, deed: &'static str, letter: &'static str, outcome: &Outcome) {
        /// More of them tell nothing new.
        const SHOWN: u64 = 30;
        self.all.add(outcome);
        self.deeds.entry(deed).or_default().add(outcome);
        self.letters.entry(letter).or_default().add(outcome);
        let (Outcome::Wrong(why) | Outcome::Unanswered(why)) = outcome else {
            return;
        };
        if self.all.wrong + self.all.unanswered <= SHOWN {
            eprintln!("bad: {deed}, {letter}: {why}");
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
        for (name, counts) in self.deeds.iter().chain(&self.letters) {
            writeln!(f, "{name:<24}{counts}")?;
        }
        write!(f, "{:<24}{}", "all", self.all)
    }
}
