//! Exponential back-off with jitter.

use chrono::TimeDelta;

use crate::domain::{NoRandomness, Random};

/// Back-off after the first failure.
const FIRST: TimeDelta = TimeDelta::seconds(1);

/// Upper bound of the back-off.
const LONGEST: TimeDelta = TimeDelta::hours(1);

/// Returns the pause after this many failures in a row: it doubles with each, up to an hour. A random part of
/// up to a half is taken away, so that replicas and messages do not retry at the same moment.
pub(super) fn back_off(failures: i64, random: &Random) -> Result<TimeDelta, NoRandomness> {
    let doublings = failures.saturating_sub(1).clamp(0, 20);
    let full = (FIRST.num_milliseconds() << doublings).min(LONGEST.num_milliseconds());
    let share = i64::from(u16::from_be_bytes(random.bytes()?));
    Ok(TimeDelta::milliseconds(full - full / 2 * share / i64::from(u16::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_back_off_doubles_up_to_an_hour_with_jitter() {
        let random = Random::system();
        for (failures, full) in [(0, 1), (1, 1), (2, 2), (5, 16), (12, 2_048), (13, 3_600), (i64::MAX, 3_600)]
        {
            let pauses: Vec<i64> =
                (0..50).map(|_| back_off(failures, &random).unwrap().num_milliseconds()).collect();
            assert!(pauses.iter().all(|pause| (full * 500..=full * 1_000).contains(pause)), "{pauses:?}");
            assert!(pauses.iter().any(|pause| *pause != pauses[0]), "no jitter");
        }
    }
}
