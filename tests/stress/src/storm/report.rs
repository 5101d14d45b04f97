//! The result of a storm.

use std::fmt;
use std::time::Duration;

use toa_bpf::Counters;

use super::strangers::Strangers;

/// The kinds of injected segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Noise,
    Stray,
    Handshake,
    Mutated,
    Wrapped,
    Fragments,
    Live,
    Stranger,
}

const NAMES: [&str; 8] = [
    "random bytes",
    "without a connection, with random options",
    "handshakes with random options, half of them with a wrong field",
    "handshakes with random bytes changed",
    "with IP options or extension headers",
    "fragments of handshakes",
    "into open connections",
    "of strangers behind balancers, to complete a handshake",
];

/// What was sent, and the outcome.
#[derive(Clone, Debug, Default)]
pub struct Report {
    sent: [u64; NAMES.len()],
    /// Packets that the device did not take.
    pub refused: u64,
    /// Handshakes of the storm that completed; each was checked.
    pub completed: u64,
    /// Connections that a SYN cookie opened once more; each was checked.
    pub reopened: u64,
    /// Connections accepted although their handshake was not complete.
    pub unfinished: u64,
    /// Connections of peers who had seen no SYN-ACK.
    pub strays: u64,
    /// Connections of strangers behind balancers; each was checked.
    pub strangers: Strangers,
    /// Ordinary clients; each had the right answer.
    pub ordinary_clients: u64,
    /// All connections.
    pub accepted: u64,
    /// Those with a client's address.
    pub with_address: u64,
    /// How long it took.
    pub elapsed: Duration,
    /// What the source counted.
    pub counters: Counters,
    /// Complaints of the kernel, if its log can be read.
    pub complaints: Option<Vec<String>>,
    /// The kernel's unreclaimable memory before and after, in KiB.
    pub slab: (u64, u64),
}

impl Report {
    pub(super) fn count(&mut self, kind: Kind) {
        self.sent[kind as usize] += 1;
    }

    /// Segments sent.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.iter().sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.elapsed.as_secs_f64();
        let rate = self.sent() as f64 / seconds;
        writeln!(
            f,
            "{:>9} segments in {seconds:.1} s, {rate:.0} a second",
            self.sent()
        )?;
        for (name, count) in NAMES.iter().zip(self.sent) {
            writeln!(f, "{count:>9}   {name}")?;
        }
        for (count, what) in [
            (self.refused, "were no IP packet for the device"),
            (
                self.completed,
                "handshakes completed, all with the right answer",
            ),
            (self.reopened, "opened once more by a SYN cookie, the same"),
            (
                self.unfinished,
                "accepted before their handshake was complete",
            ),
            (
                self.ordinary_clients,
                "ordinary clients in between, all with the right answer",
            ),
            (
                self.strangers.themselves,
                "strangers behind a balancer, seen as themselves",
            ),
            (
                self.strangers.balancer,
                "seen as the balancer, where no more can be known",
            ),
            (
                self.strangers.forged,
                "believed to be another, behind an insecure balancer alone",
            ),
            (self.accepted, "connections in all"),
        ] {
            writeln!(f, "{count:>9} {what}")?;
        }
        for (name, value) in self.counters.iter() {
            writeln!(f, "{value:>9}   {name}")?;
        }
        match &self.complaints {
            Some(found) => writeln!(f, "{:>9} complaints of the kernel", found.len())?,
            None => writeln!(f, "          the kernel's log cannot be read")?,
        }
        let (before, after) = self.slab;
        writeln!(
            f,
            "          kernel memory {before} KiB before, {after} KiB after"
        )
    }
}
