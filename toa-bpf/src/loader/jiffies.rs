//! The kernel's count of ticks, by which the program dates connections: to read it costs
//! nothing there. No call tells it here; it begins five minutes before it overflows 32 bits,
//! and runs as CLOCK_MONOTONIC does.

use std::time::Duration;

use super::sys;

/// `TOA_OPENED_SHIFT` of `bpf/table.h`.
const SHIFT: u32 = 8;
const SECONDS_TO_OVERFLOW: u64 = 300;
const NS_PER_SECOND: u64 = 1_000_000_000;

/// The count at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Jiffies {
    count: u64,
    /// Nanoseconds of one.
    tick: u64,
}

impl Jiffies {
    pub(super) fn now() -> Self {
        Self::at(sys::monotonic(), sys::tick())
    }

    fn at(monotonic: u64, tick: u64) -> Self {
        let tick = tick.max(1);
        let before = SECONDS_TO_OVERFLOW * (NS_PER_SECOND / tick);
        let start = (1_u64 << 32).saturating_sub(before);
        Self {
            count: start + monotonic / tick,
            tick,
        }
    }

    /// How long ago that was, in whole seconds; it is known to [`SHIFT`] bits.
    pub(super) fn since(self, then: u32) -> Duration {
        let ago = (self.count >> SHIFT).saturating_sub(then.into());
        Duration::from_secs((ago << SHIFT) * self.tick / NS_PER_SECOND)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_right_within_a_few_seconds_at_every_tick_rate() {
        for hz in [100, 250, 300, 1000] {
            let tick = (NS_PER_SECOND + hz / 2) / hz;
            // From the boot on, over the overflow, to two years.
            for (opened, age) in [(0, 0), (1, 60), (290, 30), (1_000, 86_400), (63_072_000, 7)] {
                let ticks = opened * NS_PER_SECOND / tick;
                let then = ((1 << 32) - 300 * hz + ticks) >> SHIFT;
                let now = Jiffies::at((opened + age) * NS_PER_SECOND, tick);
                let told = now.since(then as u32).as_secs();
                assert!(told.abs_diff(age) <= 3, "{hz}: {opened} {age} {told}");
            }
        }
    }

    #[test]
    fn a_connection_of_the_future_is_new() {
        for tick in [0, 1, 4_000_000] {
            let now = Jiffies::at(NS_PER_SECOND, tick);
            assert_eq!(now.since(u32::MAX), Duration::ZERO);
        }
    }
}
