//! The result of a soak.

use std::fmt;
use std::time::Duration;

use super::fault_injection::FaultCounts;
use super::memory::{self, Sample};
use super::state::SoakState;
use super::strangers::{BEHIND_CORRECT, BEHIND_INSECURE};
use crate::kernel;

/// In shorter runs the medians would compare one fault with another.
const MEMORY_JUDGED_FROM: Duration = Duration::from_secs(30 * 60);

/// The report of a soak, printed by `Display`, and whether it passed.
#[derive(Clone, Debug)]
pub struct Verdict {
    lines: Vec<String>,
    failures: Vec<String>,
}

impl Verdict {
    /// Whether nothing failed.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.failures.is_empty()
    }

    /// What failed.
    #[must_use]
    pub fn failures(&self) -> &[String] {
        &self.failures
    }

    pub(crate) fn new(state: &SoakState) -> Self {
        let tally = state.tally.borrow();
        let counted = state.source.counted();
        let mut this = Self {
            lines: vec![tally.to_string()],
            failures: Vec::new(),
        };
        this.lines.push(format!(
            "source: loaded {} times, {} addresses, {} untrusted, {} invalid",
            state.source.loads(),
            counted.found,
            counted.untrusted,
            counted.invalid
        ));
        let all = tally.all;
        this.require(all.wrong == 0, || format!("{} wrong answers", all.wrong));
        this.require(all.unanswered == 0, || {
            format!(
                "{} connections neither answered nor refused",
                all.unanswered
            )
        });
        this.require(counted.store_failed == 0, || {
            format!("{} addresses lost for want of memory", counted.store_failed)
        });
        this.require(all.client > 0 && all.peer > 0 && counted.found > 0, || {
            "nothing was put to the test: no certain answers of both kinds".to_owned()
        });
        let [correct, insecure] = [BEHIND_CORRECT, BEHIND_INSECURE].map(|it| tally.of_variant(it));
        // Behind an insecure one the source shows the peer where it can tell.
        let tried = correct.client > 0 && insecure.client > 0 && insecure.peer > 0;
        this.require(tried, || {
            "no strangers behind balancers were put to the test".to_owned()
        });
        this
    }

    /// Records a failure unless `good`.
    pub(crate) fn require(&mut self, good: bool, failure: impl FnOnce() -> String) {
        if !good {
            self.failures.push(failure());
        }
    }

    pub(crate) fn note(&mut self, line: String) {
        self.lines.push(line);
    }

    pub(crate) fn servers(&mut self, state: &SoakState) {
        for server in &state.servers {
            let log = server.log();
            self.lines.push(format!(
                "{}: {} lines of exhausted descriptors",
                server.name, log.exhausted
            ));
            self.failures.extend(
                log.bad
                    .iter()
                    .map(|line| format!("{}: {line}", server.name)),
            );
            self.failures.extend(server.ended());
        }
    }

    /// Whether the injected faults had their effect.
    pub(crate) fn faults(&mut self, state: &SoakState, done: FaultCounts) -> anyhow::Result<()> {
        let [sent, received, overflows] =
            ["SyncookiesSent", "SyncookiesRecv", "ListenOverflows"].map(kernel::tcp_counter);
        let (sent, received, overflows) = (sent?, received?, overflows?);
        let exhausted: u64 = state.servers.iter().map(|it| it.log().exhausted).sum();
        self.lines.push(format!(
            "faults: {} floods, {} floods with cookies for all ({sent} cookies sent, {received} \
             came back), {} stopped servers ({overflows} overflows of the accept queue), {} times \
             no descriptors ({exhausted} lines)",
            done.floods, done.cookies_for_all, done.stops, done.exhaustions
        ));
        self.require(done.cookies_for_all == 0 || received > 0, || {
            "no connection was completed by a cookie".to_owned()
        });
        self.require(done.stops == 0 || overflows > 0, || {
            "no accept queue overflowed".to_owned()
        });
        self.require(done.exhaustions == 0 || exhausted > 0, || {
            "no server ran out of descriptors".to_owned()
        });
        Ok(())
    }

    pub(crate) fn memory(&mut self, state: &SoakState, samples: &[Sample], whole: Duration) {
        let names: Vec<&str> = state.servers.iter().map(|it| it.name.as_str()).collect();
        let judged = whole >= MEMORY_JUDGED_FROM;
        for (line, flat) in memory::compare(samples, &names, whole) {
            self.require(flat || !judged, || format!("{line}: not flat"));
            self.lines.push(line);
        }
        if !judged {
            self.lines
                .push("memory is not judged: half an hour is the least".to_owned());
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            writeln!(f, "{line}")?;
        }
        for failure in &self.failures {
            writeln!(f, "FAILED: {failure}")?;
        }
        let verdict = if self.is_good() { "passed" } else { "FAILED" };
        write!(f, "verdict: {verdict}")
    }
}
