//! Rate limits by client address on registrations and on failures of clients, shared between replicas through
//! the database. A client that does nothing wrong is counted only where it registers or logs in.

use std::net::IpAddr;

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use chrono::{DateTime, Utc};

use super::{Code, Problem};
use crate::domain::{Allowance, Bucket, Clock, LIMIT_WINDOW, Left, TooMany};
use crate::store::{StoreError, TrustedStore};

/// The headers that tell of a limit (draft-ietf-httpapi-ratelimit-headers-10).
pub(crate) const RATE_LIMIT_HEADERS: [&str; 2] = ["RateLimit", "RateLimit-Policy"];

/// The number of exhausted addresses that a replica remembers.
const REMEMBERED: usize = 10_000;

/// The rate limits.
pub(crate) struct RateLimits {
    are_on: bool,
    store: TrustedStore,
    clock: Clock,
    /// The addresses whose limit is exhausted as far as this replica knows, and until when: the database need
    /// not be asked for each request.
    exhausted: quick_cache::sync::Cache<[u8; 32], DateTime<Utc>>,
}

impl RateLimits {
    /// Makes the limits; none are enforced unless `are_on`.
    pub(crate) fn new(are_on: bool, store: TrustedStore, clock: Clock) -> Self {
        Self { are_on, store, clock, exhausted: quick_cache::sync::Cache::new(REMEMBERED) }
    }

    /// True when limits are enforced.
    pub(crate) fn are_on(&self) -> bool {
        self.are_on
    }

    /// Counts a registration by an unknown client.
    ///
    /// # Errors
    /// 429 when there were too many from this address.
    pub(crate) async fn count_registration(
        &self,
        address: Option<IpAddr>,
        allowance: &Allowance,
    ) -> Result<(), Problem> {
        let Some(address) = address.filter(|_| self.are_on) else { return Ok(()) };
        match self.store.count(Bucket::registrations(address)).await? {
            Ok(left) => {
                allowance.note(left);
                Ok(())
            }
            Err(too_many) => Err(self.too_many(too_many, allowance)),
        }
    }

    /// Refuses a client from an address with too many failures.
    ///
    /// # Errors
    /// 429 until the window of the limit has passed.
    pub(crate) fn admit_client(&self, address: Option<IpAddr>, allowance: &Allowance) -> Result<(), Problem> {
        let Some(address) = address.filter(|_| self.are_on) else { return Ok(()) };
        let bucket = Bucket::client_failures(address);
        match self.exhausted.get(&bucket.key).filter(|until| *until > self.clock.now()) {
            None => Ok(()),
            Some(until) => {
                let left =
                    bucket.policy.map(|policy| Left { policy, quota: bucket.most, remaining: 0, until });
                Err(self.too_many(TooMany { until, left }, allowance))
            }
        }
    }

    /// Counts a bad secret, code or token of a client.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn count_failure(
        &self,
        address: Option<IpAddr>,
        allowance: &Allowance,
    ) -> Result<(), StoreError> {
        let Some(address) = address.filter(|_| self.are_on) else { return Ok(()) };
        let bucket = Bucket::client_failures(address);
        match self.store.count(bucket).await? {
            Ok(left) => allowance.note(left),
            Err(too_many) => {
                allowance.note(too_many.left);
                self.exhausted.insert(bucket.key, too_many.until);
            }
        }
        Ok(())
    }

    fn too_many(&self, too_many: TooMany, allowance: &Allowance) -> Problem {
        allowance.note(too_many.left);
        let seconds = seconds_until(too_many.until, self.clock.now());
        Problem::new(Code::TooManyRequests).with_header(header::RETRY_AFTER, seconds.to_string())
    }
}

fn seconds_until(until: DateTime<Utc>, now: DateTime<Utc>) -> i64 {
    (until - now).num_seconds().max(0) + 1
}

/// Writes the headers of a limit.
pub(super) fn write_headers(left: Left, now: DateTime<Utc>, headers: &mut HeaderMap) {
    let Left { policy, quota, remaining, until } = left;
    let window = LIMIT_WINDOW.num_seconds();
    let reset = seconds_until(until, now).min(window);
    let values = [
        ("ratelimit-policy", format!("\"{policy}\";q={quota};w={window}")),
        ("ratelimit", format!("\"{policy}\";r={remaining};t={reset}")),
    ];
    for (name, value) in values {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}
