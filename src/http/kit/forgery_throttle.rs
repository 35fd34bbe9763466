//! From where tokens come that are no good, again and again: what is examined for them waits, so that a flood
//! of forged tokens leaves the cores to those whose tokens are known. Nobody is turned away for it.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::{Budget, Network, Rate};

/// How many tokens that are no good an address may send before it is held up.
const GOOD_FAITH: Rate = Rate { at_once: 300.0, a_second: 20.0 };

/// For how long it then is, from the last one that was too many on.
const SUSPECTED: Duration = Duration::from_secs(10);

/// How long a token waits meanwhile that was not verified before.
pub(crate) const HOLD: Duration = Duration::from_secs(1);

/// So many addresses are remembered on a replica; those that sent nothing for longest go first.
const REMEMBERED: usize = 10_000;

/// The addresses.
pub struct Suspects(quick_cache::sync::Cache<Network, Arc<Mutex<Record>>>);

/// What is known of one.
struct Record {
    budget: Budget,
    /// Until when it is held up.
    until: Option<Instant>,
}

impl Default for Suspects {
    fn default() -> Self {
        Self(quick_cache::sync::Cache::new(REMEMBERED))
    }
}

impl Suspects {
    /// Counts a token that was no good.
    pub(crate) fn note(&self, address: IpAddr, now: Instant) {
        let record = self.0.get(&Network::of(address)).unwrap_or_else(|| {
            let clean = Record { budget: Budget::full(GOOD_FAITH, now), until: None };
            let clean = Arc::new(Mutex::new(clean));
            self.0.insert(Network::of(address), Arc::clone(&clean));
            clean
        });
        let mut record = record.lock().unwrap_or_else(PoisonError::into_inner);
        if !record.budget.take(GOOD_FAITH, now) {
            record.until = Some(now + SUSPECTED);
        }
    }

    /// Whether too many came from there.
    pub(crate) fn are_at(&self, address: IpAddr, now: Instant) -> bool {
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
    fn who_sends_too_many_is_a_suspect_until_some_time_has_passed() {
        let (suspects, now) = (Suspects::default(), Instant::now());
        for _ in 0..300 {
            suspects.note(at("192.0.2.1"), now);
        }
        assert!(!suspects.are_at(at("192.0.2.1"), now));
        suspects.note(at("::ffff:192.0.2.1"), now);
        assert!(suspects.are_at(at("192.0.2.1"), now));
        assert!(!suspects.are_at(at("192.0.2.2"), now), "nobody else is");
        // It comes back to good faith by itself: one more is not too many by then.
        suspects.note(at("192.0.2.1"), now + HOLD);
        assert!(suspects.are_at(at("192.0.2.1"), now + SUSPECTED - Duration::from_millis(1)));
        assert!(!suspects.are_at(at("192.0.2.1"), now + SUSPECTED));
    }

    #[test]
    fn of_ipv6_a_network_counts_together() {
        let (suspects, now) = (Suspects::default(), Instant::now());
        for host in 0..=300 {
            suspects.note(at(&format!("2001:db8::{host:x}")), now);
        }
        assert!(suspects.are_at(at("2001:db8::ffff"), now));
        assert!(!suspects.are_at(at("2001:db8:0:1::1"), now));
    }
}
