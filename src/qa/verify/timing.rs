//! Timing comparison of two requests, within the noise of the machine and the network.

use std::time::Duration;

/// Number of samples of each request in one round.
pub(crate) const SAMPLES: usize = 40;

/// Number of consecutive rounds that must show the difference. Noise does not repeat.
pub(crate) const ROUNDS: usize = 3;

/// Minimum distance of the rank sums, in standard deviations.
const DEVIATIONS: f64 = 4.0;

/// Minimum relative difference of the medians.
const MIN_DIFFERENCE: f64 = 0.25;

/// Returns true when the first times are clearly longer or shorter than the second. It uses the rank-sum test
/// of Mann and Whitney, which tolerates a few outliers, and the medians.
pub(crate) fn differ(first: &[Duration], second: &[Duration]) -> bool {
    let (one, other) = (first.len() as f64, second.len() as f64);
    if first.is_empty() || second.is_empty() {
        return false;
    }
    let larger = |time: &Duration| {
        second
            .iter()
            .map(|other| match time.cmp(other) {
                std::cmp::Ordering::Greater => 1.0,
                std::cmp::Ordering::Equal => 0.5,
                std::cmp::Ordering::Less => 0.0,
            })
            .sum::<f64>()
    };
    let ranks: f64 = first.iter().map(larger).sum();
    let deviation = (one * other * (one + other + 1.0) / 12.0).sqrt();
    let apart = (ranks - one * other / 2.0).abs() / deviation;
    let (first, second) = (median(first), median(second));
    let shorter = first.min(second).as_secs_f64().max(f64::EPSILON);
    apart > DEVIATIONS && first.abs_diff(second).as_secs_f64() / shorter > MIN_DIFFERENCE
}

fn median(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(micros: u64) -> Vec<Duration> {
        // A long tail, as on a busy machine.
        (0..SAMPLES as u64)
            .map(|n| Duration::from_micros(micros + n % 7 + if n % 10 == 0 { 5_000 } else { 0 }))
            .collect()
    }

    #[test]
    fn finds_a_clear_difference_and_ignores_noise() {
        assert!(differ(&around(100), &around(200)));
        assert!(differ(&around(900), &around(300)));
        assert!(!differ(&around(100), &around(100)));
        assert!(!differ(&around(1_000), &around(1_100)), "below the minimum difference");
        assert!(!differ(&[], &around(100)));
    }
}
