//! What is said at the end.

use std::fmt;
use std::time::Duration;

use super::kernel;
use super::memory::{self, Sample};
use super::phase::Done;
use super::world::World;

/// Medians of shorter runs compare one phase with another.
const MEMORY_JUDGED_FROM: Duration = Duration::from_secs(30 * 60);

/// The whole story of a soak, printed by `Display`.
#[derive(Clone, Debug)]
pub struct Verdict {
    told: Vec<String>,
    failures: Vec<String>,
}

impl Verdict {
    /// Whether all was well.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.failures.is_empty()
    }

    /// What was not.
    #[must_use]
    pub fn failures(&self) -> &[String] {
        &self.failures
    }

    pub(crate) fn new(world: &World) -> Self {
        let tally = world.tally.borrow();
        let counted = world.source.counted();
        let mut this = Self {
            told: vec![tally.to_string()],
            failures: Vec::new(),
        };
        this.told.push(format!(
            "source: loaded {} times, {} addresses, {} untrusted, {} invalid",
            world.source.loads(),
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
        this
    }

    /// A condition; its failure in words.
    pub(crate) fn require(&mut self, good: bool, failure: impl FnOnce() -> String) {
        if !good {
            self.failures.push(failure());
        }
    }

    pub(crate) fn tell(&mut self, line: String) {
        self.told.push(line);
    }

    pub(crate) fn servers(&mut self, world: &World) {
        for server in &world.servers {
            let log = server.log();
            self.told.push(format!(
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

    /// Whether the bad times were as bad as they should be.
    pub(crate) fn phases(&mut self, world: &World, done: Done) -> anyhow::Result<()> {
        let [sent, received, overflows] =
            ["SyncookiesSent", "SyncookiesRecv", "ListenOverflows"].map(kernel::tcp_counter);
        let (sent, received, overflows) = (sent?, received?, overflows?);
        let exhausted: u64 = world.servers.iter().map(|it| it.log().exhausted).sum();
        self.told.push(format!(
            "phases: {} floods, {} floods with cookies for all ({sent} cookies sent, {received} \
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

    pub(crate) fn memory(&mut self, world: &World, samples: &[Sample], whole: Duration) {
        let names: Vec<&str> = world.servers.iter().map(|it| it.name.as_str()).collect();
        let judged = whole >= MEMORY_JUDGED_FROM;
        for (line, flat) in memory::compare(samples, &names, whole) {
            self.require(flat || !judged, || format!("{line}: not flat"));
            self.told.push(line);
        }
        if !judged {
            self.told
                .push("memory is not judged: half an hour is the least".to_owned());
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.told {
            writeln!(f, "{line}")?;
        }
        for failure in &self.failures {
            writeln!(f, "FAILED: {failure}")?;
        }
        let verdict = if self.is_good() { "passed" } else { "FAILED" };
        write!(f, "verdict: {verdict}")
    }
}
