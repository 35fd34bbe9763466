//! Token bucket, a rate limit with bursts.

use std::time::Instant;

/// Rate of a token bucket.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Capacity of the bucket.
    pub burst: f64,
    /// Refill, in tokens per second.
    pub per_second: f64,
}

/// Token bucket of this replica.
#[derive(Debug)]
pub struct TokenBucket {
    left: f64,
    since: Instant,
}

impl TokenBucket {
    /// Returns a full bucket.
    pub fn full(rate: Rate, now: Instant) -> Self {
        Self { left: rate.burst, since: now }
    }

    /// Takes a token. Returns false when the bucket is empty.
    pub fn take(&mut self, rate: Rate, now: Instant) -> bool {
        self.left = self.left_at(rate, now);
        self.since = now;
        let has_token = self.left >= 1.0;
        if has_token {
            self.left -= 1.0;
        }
        has_token
    }

    /// True when the bucket has all of its tokens.
    pub fn is_full(&self, rate: Rate, now: Instant) -> bool {
        self.left_at(rate, now) >= rate.burst
    }

    fn left_at(&self, rate: Rate, now: Instant) -> f64 {
        let more = now.saturating_duration_since(self.since).as_secs_f64() * rate.per_second;
        (self.left + more).min(rate.burst)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn permits_a_burst_and_refills_over_time() {
        let (rate, begin) = (Rate { burst: 3.0, per_second: 2.0 }, Instant::now());
        let mut bucket = TokenBucket::full(rate, begin);
        let mut taken = |at: Duration| (0..10).filter(|_| bucket.take(rate, begin + at)).count();
        assert_eq!(taken(Duration::ZERO), 3);
        assert_eq!(taken(Duration::from_secs(1)), 2);
        assert_eq!(taken(Duration::from_secs(60)), 3, "at most a burst");
    }
}
