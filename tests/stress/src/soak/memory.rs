//! Whether memory stays flat.

use std::io::Write;
use std::time::Duration;

use super::state::SoakState;
use crate::kernel;

/// Memory, files and sockets at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) at: Duration,
    /// Kilobytes of each server.
    pub(crate) resident: Vec<u64>,
    pub(crate) files: Vec<usize>,
    /// Kilobytes of the whole kernel.
    pub(crate) kernel: u64,
    pub(crate) tcp_sockets: u64,
    pub(crate) bpf_objects: usize,
}

impl Sample {
    pub(crate) fn take(state: &SoakState, at: Duration) -> anyhow::Result<Self> {
        let servers = &state.servers;
        Ok(Self {
            at,
            resident: servers
                .iter()
                .map(|it| it.resident())
                .collect::<Result<_, _>>()?,
            files: servers
                .iter()
                .map(|it| it.open_files())
                .collect::<Result<_, _>>()?,
            kernel: kernel::unreclaimable()?,
            tcp_sockets: kernel::tcp_sockets_of_the_machine(),
            bpf_objects: state.source.objects(),
        })
    }

    /// The heading of [`write`](Self::write)'s lines.
    pub(crate) fn heading(mut out: impl Write, state: &SoakState) -> std::io::Result<()> {
        write!(out, "seconds")?;
        for server in &state.servers {
            write!(out, ",{0} rss kB,{0} files", server.name)?;
        }
        writeln!(
            out,
            ",SUnreclaim kB,TCP sockets,our BPF objects,answered,refused,aborted,wrong,unanswered,open"
        )
    }

    pub(crate) fn write(&self, mut out: impl Write, state: &SoakState) -> std::io::Result<()> {
        write!(out, "{:.1}", self.at.as_secs_f64())?;
        for (resident, files) in self.resident.iter().zip(&self.files) {
            write!(out, ",{resident},{files}")?;
        }
        let all = state.tally.borrow().all;
        writeln!(
            out,
            ",{},{},{},{},{},{},{},{},{}",
            self.kernel,
            self.tcp_sockets,
            self.bpf_objects,
            all.answered(),
            all.refused,
            all.aborted,
            all.wrong,
            all.unanswered,
            state.open.get()
        )
    }
}

/// Memory is flat while it grows by no more than a tenth, or by so many kilobytes if that
/// is more.
const SERVER_SLACK: u64 = 4 << 10;
/// The kernel's memory is the whole machine's. A leak of one address per connection of
/// an hour at the default rate would be some 100 MB.
const KERNEL_SLACK: u64 = 32 << 10;
/// A soak never has more sockets than this: samples with more show other programs' sockets
/// and are left out. If all samples are left out, the memory counts as not measured, which
/// fails.
const OUR_SOCKETS: u64 = 5000;

/// Compares the beginning with the end: a line of text each, and whether memory is flat.
pub(crate) fn compare(samples: &[Sample], names: &[&str], whole: Duration) -> Vec<(String, bool)> {
    let mut lines = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let values = samples
            .iter()
            .map(|sample| (sample.at, sample.resident[at]));
        lines.push(line(name, SERVER_SLACK, values, whole));
    }
    let values = samples
        .iter()
        .filter(|sample| sample.tcp_sockets <= OUR_SOCKETS)
        .map(|sample| (sample.at, sample.kernel));
    lines.push(line("the kernel", KERNEL_SLACK, values, whole));
    lines
}

/// The median of a sixth of the time, after a twelfth to warm up, against that of the
/// last sixth: of an hour, ten minutes after five against the last ten.
fn line(
    name: &str,
    slack: u64,
    values: impl Iterator<Item = (Duration, u64)> + Clone,
    whole: Duration,
) -> (String, bool) {
    let median_from = |from: Duration| {
        let window = from..from + whole / 6;
        let values = values.clone().filter(|(at, _)| window.contains(at));
        median(values.map(|(_, value)| value).collect())
    };
    let (first, last) = (median_from(whole / 12), median_from(whole - whole / 6));
    let (Some(first), Some(last)) = (first, last) else {
        return (format!("memory of {name}: not measured"), false);
    };
    (
        format!("memory of {name}: {first} kB then {last} kB"),
        last <= first + slack.max(first / 10),
    )
}

fn median(mut values: Vec<u64>) -> Option<u64> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing(resident: impl Fn(u64) -> u64, kernel: impl Fn(u64) -> u64) -> usize {
        failing_among(resident, kernel, |_| 300)
    }

    fn failing_among(
        resident: impl Fn(u64) -> u64,
        kernel: impl Fn(u64) -> u64,
        tcp_sockets: impl Fn(u64) -> u64,
    ) -> usize {
        let samples: Vec<Sample> = (0..3600)
            .step_by(5)
            .map(|second| Sample {
                at: Duration::from_secs(second),
                resident: vec![resident(second)],
                files: vec![9],
                kernel: kernel(second),
                tcp_sockets: tcp_sockets(second),
                bpf_objects: 0,
            })
            .collect();
        let lines = compare(&samples, &["it"], Duration::from_secs(3600));
        assert_eq!(lines.len(), 2);
        lines.iter().filter(|(_, flat)| !flat).count()
    }

    #[test]
    fn what_grows_is_told_from_what_warms_up_or_peaks() {
        assert_eq!(failing(|_| 10_000, |_| 300_000), 0);
        assert_eq!(failing(|s| 5_000 + s.min(200) * 50, |_| 300_000), 0);
        assert_eq!(
            failing(|s| 9_000 + 90_000 * u64::from(s % 60 < 9), |_| 1),
            0
        );
        assert_eq!(failing(|s| 10_000 + 2 * s, |_| 300_000), 1);
        assert_eq!(failing(|_| 10_000, |s| 300_000 + 30 * s), 1);
    }

    #[test]
    fn sockets_of_others_are_no_leak_and_too_many_of_ours_are() {
        let late = |second| u64::from(second > 3050);
        let others = |second| late(second) * (second % 100) / 20 * 40_000;
        assert_eq!(failing_among(|_| 1, |s| 300_000 + others(s), others), 0);
        let leak = |second| second * 100;
        assert_eq!(failing_among(|_| 1, |s| 300_000 + leak(s), leak), 1);
    }

    #[test]
    fn what_was_not_measured_is_not_flat() {
        let lines = compare(&[], &[], Duration::from_secs(3600));
        assert!(lines.iter().all(|(_, flat)| !flat));
    }
}
