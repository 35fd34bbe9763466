//! How long comparisons take, so that the time of a failed login does not tell which scheme an account has.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Argon2Cost;

/// Longest time that a failed login is held back. A stall of the machine does not count for longer.
const LONGEST_FLOOR: Duration = Duration::from_secs(1);

/// Measured times of one process, in nanoseconds.
#[derive(Default)]
pub(super) struct Pace {
    /// A comparison at the configured cost: the moving average of some.
    own: AtomicU64,
    /// The longest failed comparison with a hash of another system that took longer than that.
    slowest_foreign: AtomicU64,
}

impl Pace {
    /// Notes a comparison at the configured cost.
    pub(super) fn note_own(&self, time: Duration) {
        let time = nanoseconds(time);
        let before = self.own.load(Ordering::Relaxed);
        let after = if before == 0 { time } else { before - before / 8 + time / 8 };
        self.own.store(after, Ordering::Relaxed);
    }

    /// Notes a failed comparison with a hash of another system.
    pub(super) fn note_foreign(&self, time: Duration) {
        let time = nanoseconds(time.min(LONGEST_FLOOR));
        if time > self.own.load(Ordering::Relaxed) {
            self.slowest_foreign.fetch_max(time, Ordering::Relaxed);
        }
    }

    /// Returns the memory of the argon2 work that fills a comparison of this length up to one of our own. The time
    /// of argon2 is proportional to its memory. `None` if nothing is missing.
    pub(super) fn missing_memory(&self, elapsed: Duration, configured: Argon2Cost) -> Option<u32> {
        let own = self.own.load(Ordering::Relaxed);
        if own == 0 {
            return Some(configured.memory_kib);
        }
        let missing = own.checked_sub(nanoseconds(elapsed))?;
        let memory = u128::from(configured.memory_kib) * u128::from(missing) / u128::from(own);
        u32::try_from(memory).ok().filter(|memory| *memory >= configured.lanes * 8)
    }

    /// Returns how long a failed login is still held back after it compared this many forms of a password.
    pub(super) fn missing_time(&self, elapsed: Duration, forms: usize) -> Duration {
        let floor = Duration::from_nanos(self.slowest_foreign.load(Ordering::Relaxed));
        floor.saturating_mul(u32::try_from(forms).unwrap_or(u32::MAX)).saturating_sub(elapsed)
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COST: Argon2Cost = Argon2Cost { memory_kib: 1_000, passes: 2, lanes: 1 };

    fn ms(time: u64) -> Duration {
        Duration::from_millis(time)
    }

    #[test]
    fn faster_comparison_is_filled_up_with_our_own_work() {
        let pace = Pace::default();
        assert_eq!(pace.missing_memory(ms(1), COST), Some(1_000), "nothing is known yet");
        pace.note_own(ms(20));
        assert_eq!(pace.missing_memory(ms(0), COST), Some(1_000));
        assert_eq!(pace.missing_memory(ms(5), COST), Some(750));
        assert_eq!((pace.missing_memory(ms(20), COST), pace.missing_memory(ms(90), COST)), (None, None));
        pace.note_foreign(ms(5));
        assert_eq!(pace.missing_time(ms(1), 1), Duration::ZERO, "it was filled up already");
    }

    #[test]
    fn slower_comparison_holds_back_every_failed_login() {
        let pace = Pace::default();
        pace.note_own(ms(20));
        assert_eq!(pace.missing_time(ms(20), 1), Duration::ZERO);
        pace.note_foreign(ms(60));
        pace.note_foreign(ms(50));
        assert_eq!((pace.missing_time(ms(20), 1), pace.missing_time(ms(60), 1)), (ms(40), Duration::ZERO));
        assert_eq!(pace.missing_time(ms(40), 2), ms(80), "each form takes its time");
        pace.note_foreign(ms(90_000));
        assert_eq!(pace.missing_time(Duration::ZERO, 1), LONGEST_FLOOR);
    }
}
