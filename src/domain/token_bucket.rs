//! So many at once, and so many a second from then on.

use std::time::Instant;

/// How many there may be.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// At once.
    pub burst: f64,
    /// A second, from then on.
    pub per_second: f64,
}

/// What is left of a rate on this replica.
#[derive(Debug)]
pub struct TokenBucket {
    left: f64,
    since: Instant,
}

impl TokenBucket {
    /// All of it.
    pub fn full(rate: Rate, now: Instant) -> Self {
        Self { left: rate.burst, since: now }
    }

    /// Takes one, if there is one.
    pub fn take(&mut self, rate: Rate, now: Instant) -> bool {
        let more = now.saturating_duration_since(self.since).as_secs_f64() * rate.per_second;
        self.left = (self.left + more).min(rate.burst);
        self.since = now;
        let is_there = self.left >= 1.0;
        if is_there {
            self.left -= 1.0;
        }
        is_there
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_rate_is_for_so_many_at_once_and_comes_back_with_time() {
        let (rate, begin) = (Rate { burst: 3.0, per_second: 2.0 }, Instant::now());
        let mut bucket = TokenBucket::full(rate, begin);
        let mut taken = |at: Duration| (0..10).filter(|_| bucket.take(rate, begin + at)).count();
        assert_eq!(taken(Duration::ZERO), 3);
        assert_eq!(taken(Duration::from_secs(1)), 2);
        assert_eq!(taken(Duration::from_secs(60)), 3, "no more than at once");
    }
}
