//! Throttle for bad tokens: a network that sends many waits for the answer to each further one. A flood of forged
//! tokens then leaves the cores to others. A good token is neither refused nor delayed for it, whatever else its
//! network sends.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::{Network, Rate, TokenBucket};

/// Bad tokens that a network may send before their answers are delayed.
const TOLERATED: Rate = Rate { burst: 300.0, per_second: 20.0 };

/// Time for which they are delayed, counted from the last bad token too many.
const DELAYED_FOR: Duration = Duration::from_secs(10);

/// Delay of the answer to a bad token.
pub(crate) const HOLD: Duration = Duration::from_secs(1);

/// Networks that a replica remembers. A forgotten network begins with a full bucket.
const REMEMBERED: usize = 10_000;

/// The networks that sent bad tokens.
pub struct ForgeryThrottle(quick_cache::sync::Cache<Network, Arc<Mutex<Record>>>);

/// The state of a network.
struct Record {
    bucket: TokenBucket,
    /// End of its delays.
    until: Option<Instant>,
}

impl Default for ForgeryThrottle {
    fn default() -> Self {
        Self(quick_cache::sync::Cache::new(REMEMBERED))
    }
}

impl ForgeryThrottle {
    /// Forgets every network, for the reset of a test server.
    pub(crate) fn forget(&self) {
        self.0.clear();
    }

    /// Counts a bad token.
    pub(crate) fn count(&self, address: IpAddr, now: Instant) {
        let record = self.0.get(&Network::of(address)).unwrap_or_else(|| {
            let clean = Record { bucket: TokenBucket::full(TOLERATED, now), until: None };
            let clean = Arc::new(Mutex::new(clean));
            self.0.insert(Network::of(address), Arc::clone(&clean));
            clean
        });
        let mut record = record.lock().unwrap_or_else(PoisonError::into_inner);
        if !record.bucket.take(TOLERATED, now) {
            record.until = Some(now + DELAYED_FOR);
        }
    }

    /// True when too many came from the network of this address.
    pub(crate) fn has_too_many(&self, address: IpAddr, now: Instant) -> bool {
        self.0.get(&Network::of(address)).is_some_and(|record| {
            let until = record.lock().unwrap_or_else(PoisonError::into_inner).until;
            until.is_some_and(|until| now < until)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_is_delayed_after_too_many_bad_tokens() {
        let (throttle, now) = (ForgeryThrottle::default(), Instant::now());
        for _ in 0..300 {
            throttle.count(at("192.0.2.1"), now);
        }
        assert!(!throttle.has_too_many(at("192.0.2.1"), now));
        throttle.count(at("::ffff:192.0.2.1"), now);
        assert!(throttle.has_too_many(at("192.0.2.1"), now));
        assert!(!throttle.has_too_many(at("192.0.2.2"), now), "other addresses are not");
        // The bucket refills: one more is not too many by then.
        throttle.count(at("192.0.2.1"), now + HOLD);
        assert!(throttle.has_too_many(at("192.0.2.1"), now + DELAYED_FOR - Duration::from_millis(1)));
        assert!(!throttle.has_too_many(at("192.0.2.1"), now + DELAYED_FOR));
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let (throttle, now) = (ForgeryThrottle::default(), Instant::now());
        for host in 0..=300 {
            throttle.count(at(&format!("2001:db8::{host:x}")), now);
        }
        assert!(throttle.has_too_many(at("2001:db8::ffff"), now));
        assert!(!throttle.has_too_many(at("2001:db8:0:1::1"), now));
    }
}
