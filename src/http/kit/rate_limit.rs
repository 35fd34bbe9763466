//! Rate limits on registrations and on failed requests of clients, shared between replicas through the database.
//! A failed request is counted after the fact, for the client or the network that it concerns. So a good request
//! is neither counted nor refused, whatever others send.

use std::net::IpAddr;

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use chrono::{DateTime, Utc};

use super::{Code, Problem};
use crate::domain::{Allowance, Bucket, Clock, LIMIT_WINDOW, Left, Network, TooMany};
use crate::store::{Settled, StoreError, TrustedStore};

/// The headers that tell of a limit (draft-ietf-httpapi-ratelimit-headers-10).
pub(crate) const RATE_LIMIT_HEADERS: [&str; 2] = ["RateLimit", "RateLimit-Policy"];

/// The number of exhausted buckets that a replica remembers. A forgotten one costs a change in the database.
const REMEMBERED: usize = 10_000;

/// The rate limits.
pub(crate) struct RateLimits {
    are_on: bool,
    store: TrustedStore,
    clock: Clock,
    /// The buckets of failures that are exhausted as far as this replica knows, and until when: the database
    /// need not count each further failure.
    exhausted: quick_cache::sync::Cache<[u8; 32], DateTime<Utc>>,
}

impl RateLimits {
    /// Makes the limits; none are enforced unless `are_on`.
    pub(crate) fn new(are_on: bool, store: TrustedStore, clock: Clock) -> Self {
        Self { are_on, store, clock, exhausted: quick_cache::sync::Cache::new(REMEMBERED) }
    }

    /// Forgets the exhausted buckets, for a test server whose tables are restored.
    pub(crate) fn forget(&self) {
        self.exhausted.clear();
    }

    /// True when limits are enforced.
    pub(crate) fn are_on(&self) -> bool {
        self.are_on
    }

    /// Counts a registration by an unknown client.
    ///
    /// # Errors
    /// 429 when there were too many from this network.
    pub(crate) async fn count_registration(
        &self,
        address: Option<IpAddr>,
        allowance: &Allowance,
    ) -> Result<(), Problem> {
        if fault!(registrations_not_counted) {
            return Ok(());
        }
        self.count_from(address, Bucket::registrations, allowance).await
    }

    /// Counts a request for mail by an unknown client.
    ///
    /// # Errors
    /// 429 when there were too many from this network.
    pub(crate) async fn count_mail(
        &self,
        address: Option<IpAddr>,
        allowance: &Allowance,
    ) -> Result<(), Problem> {
        if fault!(mail_requests_not_counted) {
            return Ok(());
        }
        self.count_from(address, Bucket::mails, allowance).await
    }

    async fn count_from(
        &self,
        address: Option<IpAddr>,
        bucket: fn(Network) -> Bucket,
        allowance: &Allowance,
    ) -> Result<(), Problem> {
        let Some(address) = address.filter(|_| self.are_on) else { return Ok(()) };
        match self.store.count(bucket(Network::of(address))).await? {
            Settled::Granted(left) => {
                allowance.note(left);
                Ok(())
            }
            Settled::Refused(too_many) => Err(self.too_many(too_many, allowance)),
        }
    }

    /// Returns the end of the window in which there were too many failed requests of a client.
    pub(crate) fn exhausted_until(&self, bucket: Option<Bucket>) -> Option<DateTime<Utc>> {
        let bucket = bucket.filter(|_| self.are_on)?;
        self.exhausted.get(&bucket.key).filter(|until| *until > self.clock.now())
    }

    /// Refuses a failed request of a client instead of telling why it failed, when there were too many.
    ///
    /// # Errors
    /// 429 until the window of the limit has passed.
    pub(crate) fn refuse_exhausted(
        &self,
        bucket: Option<Bucket>,
        allowance: &Allowance,
    ) -> Result<(), Problem> {
        let Some((bucket, until)) = bucket.zip(self.exhausted_until(bucket)) else { return Ok(()) };
        let left = bucket.policy.map(|policy| Left { policy, quota: bucket.most, remaining: 0, until });
        Err(self.too_many(TooMany { until, left }, allowance))
    }

    /// Counts a failed request of a client: a bad secret, assertion, code or refresh token.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn count_failure(
        &self,
        bucket: Option<Bucket>,
        allowance: &Allowance,
    ) -> Result<(), StoreError> {
        let is_counted = self.are_on && !fault!(client_failures_not_counted);
        let Some(bucket) = bucket.filter(|_| is_counted) else { return Ok(()) };
        match self.store.count(bucket).await? {
            Settled::Granted(left) => allowance.note(left),
            Settled::Refused(too_many) => {
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
