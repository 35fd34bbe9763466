//! Fetches of keys for tokens with an unknown `kid`.
//!
//! The issuer may have rotated its keys, and then the token is valid after the next fetch. Or the `kid` is
//! forged. So such tokens cause one fetch a minute, a bounded number of requests waits for it, and all others
//! are refused at once. Forged tokens can keep neither the issuer nor this server busy.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{Notify, Semaphore, SemaphorePermit, watch};

/// Shortest time between two fetches for unknown keys.
const FETCH_INTERVAL: TimeDelta = TimeDelta::seconds(60);

/// Longest time that a request waits for a fetch.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// Most requests that wait at the same time.
const MAX_WAITING: usize = 64;

/// Fetch requests of an issuer's keys, between the requests that wait and the task that fetches.
pub(super) struct FetchRequests {
    state: Mutex<State>,
    wake: Notify,
    /// Number of the last fetch that ended.
    ended: watch::Sender<u64>,
    /// Limits the requests that wait.
    permits: Semaphore,
}

#[derive(Clone, Copy)]
struct State {
    /// Number of the last fetch that was requested.
    requested: u64,
    /// Number of the last fetch that began.
    begun: u64,
    /// Time at which a token last requested a fetch.
    requested_at: Option<DateTime<Utc>>,
}

/// A request that waits for a fetch.
pub(in crate::token) struct Wait<'a> {
    number: u64,
    ended: watch::Receiver<u64>,
    _permit: SemaphorePermit<'a>,
}

impl FetchRequests {
    /// Creates the state. The first fetch is requested already, as the server starts.
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State { requested: 1, begun: 0, requested_at: None }),
            wake: Notify::new(),
            ended: watch::Sender::new(0),
            permits: Semaphore::new(MAX_WAITING),
        }
    }

    /// Joins the fetch that is in progress, or requests one. None when the last one was less than a minute
    /// ago, or when too many requests wait.
    pub(super) fn wait(&self, now: DateTime<Utc>) -> Option<Wait<'_>> {
        let permit = self.permits.try_acquire().ok()?;
        let ended = self.ended.subscribe();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if *ended.borrow() >= state.requested {
            // A clock that was set back must not prevent fetches.
            let recently = |at: DateTime<Utc>| (TimeDelta::zero()..FETCH_INTERVAL).contains(&(now - at));
            if state.requested_at.is_some_and(recently) {
                return None;
            }
            state.requested += 1;
            state.requested_at = Some(now);
            self.wake.notify_one();
        }
        Some(Wait { number: state.requested, ended, _permit: permit })
    }

    /// Waits until a fetch is requested that has not begun.
    pub(super) async fn requested(&self) {
        while !self.is_requested() {
            self.wake.notified().await;
        }
    }

    /// Records that a fetch begins. It serves every request up to now.
    pub(super) fn begin(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.begun = state.requested;
    }

    /// Records that the fetch ended, with or without success.
    pub(super) fn end(&self) {
        let begun = self.state.lock().unwrap_or_else(PoisonError::into_inner).begun;
        self.ended.send_replace(begun);
    }

    fn is_requested(&self) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.requested > state.begun
    }
}

impl Wait<'_> {
    /// Waits for the fetch. True when it ended in time.
    pub(in crate::token) async fn ended(&mut self) -> bool {
        let number = self.number;
        let ended = self.ended.wait_for(|ended| *ended >= number);
        tokio::time::timeout(MAX_WAIT, ended).await.is_ok_and(|ended| ended.is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn started() -> FetchRequests {
        let requests = FetchRequests::new();
        requests.begin();
        requests.end();
        requests
    }

    /// Runs a fetch. True when one was requested.
    fn fetches(requests: &FetchRequests) -> bool {
        let requested = requests.is_requested();
        requests.begin();
        requests.end();
        requested
    }

    #[test]
    fn unknown_keys_cause_one_fetch_a_minute() {
        let requests = started();
        let mut made = 0;
        for second in 0..180 {
            for _ in 0..10 {
                drop(requests.wait(at(second)));
            }
            made += i32::from(fetches(&requests));
        }
        assert_eq!(made, 3);
    }

    #[test]
    fn request_joins_the_fetch_in_progress() {
        let requests = FetchRequests::new();
        requests.begin();
        let first = requests.wait(at(0)).unwrap();
        requests.end();
        assert_eq!(first.number, 1);
        assert!(!requests.is_requested(), "the first fetch was enough");
        let second = requests.wait(at(0)).unwrap();
        let third = requests.wait(at(1)).unwrap();
        assert_eq!((second.number, third.number), (2, 2));
        requests.begin();
        requests.end();
        assert!(requests.wait(at(59)).is_none() && requests.wait(at(60)).is_some());
    }

    #[test]
    fn limits_the_waiting_requests() {
        let requests = FetchRequests::new();
        let waiting: Vec<_> = (0..MAX_WAITING).map(|_| requests.wait(at(0)).unwrap()).collect();
        assert!(requests.wait(at(0)).is_none());
        drop(waiting);
        assert!(requests.wait(at(0)).is_some());
    }

    #[test]
    fn clock_set_back_does_not_prevent_a_fetch() {
        let requests = started();
        drop(requests.wait(at(3_600)));
        fetches(&requests);
        assert!(requests.wait(at(0)).is_some());
    }
}
