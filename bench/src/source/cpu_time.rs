//! Candidates take turns, so that what else the machine does hits all of them.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// What each candidate took, round by round. The order changes from round to round.
pub(super) fn turns<const N: usize, T>(
    rounds: usize,
    mut turn: impl FnMut(usize) -> anyhow::Result<T>,
) -> anyhow::Result<[Vec<T>; N]> {
    let mut took = [const { Vec::new() }; N];
    for round in 0..rounds {
        for step in 0..N {
            let candidate = (round + step) % N;
            took[candidate].push(turn(candidate)?);
        }
    }
    Ok(took)
}

/// The processor time of this thread for each of `count` operations, in nanoseconds. The
/// kernel does the other end's work in it as well: loopback and TUN deliver at once.
pub(super) fn each(count: u32, work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let before = cpu_time()?;
    work()?;
    let took = cpu_time()? - before;
    Ok(took.as_nanos() as f64 / f64::from(count))
}

fn cpu_time() -> anyhow::Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_candidate_has_a_turn_in_every_round_and_none_is_always_first() {
        let mut order = Vec::new();
        let took = turns::<2, _>(3, |candidate| {
            order.push(candidate);
            Ok(candidate as f64)
        });
        assert_eq!(took.expect("no turn fails"), [vec![0.0; 3], vec![1.0; 3]]);
        assert_eq!(order, [0, 1, 1, 0, 0, 1]);
    }
}
