//! Keys on demand: a token names a key that nobody has seen. Its issuer may have changed keys just
//! now, and then the token is good as soon as the keys are fetched; or somebody made the name up.
//! So one such token a minute makes a fetch, a few wait a moment for it, and all others are refused
//! at once: neither the issuer nor this server can be kept busy by forged tokens.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{Notify, Semaphore, SemaphorePermit, watch};

/// One fetch in so long is made because of a key that is not known.
const APART: TimeDelta = TimeDelta::seconds(60);

/// How long a request waits for the keys.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many requests wait at once.
const MOST_WAITING: usize = 64;

/// What requests ask of the one that fetches.
pub(super) struct Demand {
    asked: Mutex<Asked>,
    wake: Notify,
    /// The number of the last fetch that has ended.
    ended: watch::Sender<u64>,
    places: Semaphore,
}

/// The number of the last fetch that was asked for, of the last that began, and when a token last
/// asked for one.
#[derive(Clone, Copy)]
struct Asked {
    number: u64,
    begun: u64,
    at: Option<DateTime<Utc>>,
}

/// A request that waits.
pub(in crate::token) struct Wait<'a> {
    number: u64,
    ended: watch::Receiver<u64>,
    _place: SemaphorePermit<'a>,
}

impl Demand {
    /// The first fetch is asked for by the start itself.
    pub(super) fn new() -> Self {
        Self {
            asked: Mutex::new(Asked { number: 1, begun: 0, at: None }),
            wake: Notify::new(),
            ended: watch::Sender::new(0),
            places: Semaphore::new(MOST_WAITING),
        }
    }

    /// Waits for the fetch that is under way, or asks for one; none when there was one just now.
    pub(super) fn wait(&self, now: DateTime<Utc>) -> Option<Wait<'_>> {
        let place = self.places.try_acquire().ok()?;
        let ended = self.ended.subscribe();
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if *ended.borrow() >= asked.number {
            // A clock that was set back must not keep the keys from being fetched.
            let recently = |at: DateTime<Utc>| (TimeDelta::zero()..APART).contains(&(now - at));
            if asked.at.is_some_and(recently) {
                return None;
            }
            asked.number += 1;
            asked.at = Some(now);
            self.wake.notify_one();
        }
        Some(Wait { number: asked.number, ended, _place: place })
    }

    /// Returns when a fetch is asked for that has not begun.
    pub(super) async fn wanted(&self) {
        while self.number_and_begun().is_none() {
            self.wake.notified().await;
        }
    }

    /// A fetch begins: it answers everything that was asked for by now.
    pub(super) fn begin(&self) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.begun = asked.number;
    }

    /// It has ended, whether or not it brought anything.
    pub(super) fn end(&self) {
        let begun = self.asked.lock().unwrap_or_else(PoisonError::into_inner).begun;
        self.ended.send_replace(begun);
    }

    fn number_and_begun(&self) -> Option<u64> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        (asked.number > asked.begun).then_some(asked.number)
    }
}

impl Wait<'_> {
    /// Whether the fetch ended in time.
    pub(in crate::token) async fn ended(&mut self) -> bool {
        let number = self.number;
        let ended = self.ended.wait_for(|ended| *ended >= number);
        tokio::time::timeout(PATIENCE, ended).await.is_ok_and(|ended| ended.is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn started() -> Demand {
        let demand = Demand::new();
        demand.begin();
        demand.end();
        demand
    }

    /// Whether a fetch is wanted, which then is made.
    fn fetches(demand: &Demand) -> bool {
        let wanted = demand.number_and_begun().is_some();
        demand.begin();
        demand.end();
        wanted
    }

    #[test]
    fn a_flood_of_unknown_keys_makes_one_fetch_a_minute() {
        let demand = started();
        let mut made = 0;
        for second in 0..180 {
            for _ in 0..10 {
                drop(demand.wait(at(second)));
            }
            made += i32::from(fetches(&demand));
        }
        assert_eq!(made, 3);
    }

    #[test]
    fn whoever_comes_while_the_keys_are_fetched_waits_for_that_very_fetch() {
        let demand = Demand::new();
        demand.begin();
        let first = demand.wait(at(0)).unwrap();
        demand.end();
        assert_eq!(first.number, 1);
        assert!(demand.number_and_begun().is_none(), "the start's own fetch was enough");
        let second = demand.wait(at(0)).unwrap();
        let third = demand.wait(at(1)).unwrap();
        assert_eq!((second.number, third.number), (2, 2));
        demand.begin();
        demand.end();
        assert!(demand.wait(at(59)).is_none() && demand.wait(at(60)).is_some());
    }

    #[test]
    fn no_more_wait_than_there_are_places() {
        let demand = Demand::new();
        let waiting: Vec<_> = (0..MOST_WAITING).map(|_| demand.wait(at(0)).unwrap()).collect();
        assert!(demand.wait(at(0)).is_none());
        drop(waiting);
        assert!(demand.wait(at(0)).is_some());
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_keep_the_keys_away() {
        let demand = started();
        drop(demand.wait(at(3_600)));
        fetches(&demand);
        assert!(demand.wait(at(0)).is_some());
    }
}
