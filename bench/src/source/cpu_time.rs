//! The processor time of what is measured in this thread.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// The processor time of this thread for each of `count` operations, in nanoseconds. The
/// kernel does the other end's work in it as well: loopback and TUN deliver at once.
pub(super) fn per_operation(
    count: u32,
    work: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<f64> {
    let before = cpu_time()?;
    work()?;
    let took = cpu_time()? - before;
    Ok(took.as_nanos() as f64 / f64::from(count))
}

fn cpu_time() -> anyhow::Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}
