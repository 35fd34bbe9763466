//! Limits on what costs the server much and tells an attacker something, shared between replicas through
//! the database. Who does nothing wrong is counted where they register or log in, and nowhere else.

use std::net::IpAddr;

use actix_web::HttpMessage as _;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use chrono::{DateTime, Utc};

use super::description::Description;
use super::problem::{Code, Problem};
use super::request::{Argument, Call};
use super::services::Services;
use crate::domain::{Allowance, Bucket, LIMIT_WINDOW, Left, TooMany};
use crate::store::StoreError;

/// The headers by which a limit is told (draft-ietf-httpapi-ratelimit-headers-10).
pub(crate) const RATE_LIMIT_HEADERS: [&str; 2] = ["RateLimit", "RateLimit-Policy"];

/// So many addresses are remembered for which nothing is looked at.
const REMEMBERED: usize = 10_000;

/// From where too much came that was no good, as far as this replica knows, and until when: so that it
/// need not be asked of the database each time.
pub struct Exhausted(quick_cache::sync::Cache<[u8; 32], DateTime<Utc>>);

impl Default for Exhausted {
    fn default() -> Self {
        Self(quick_cache::sync::Cache::new(REMEMBERED))
    }
}

impl Argument for Allowance {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        Ok(call.allowance())
    }

    fn describe(description: &mut Description) {
        description.limited = true;
        description.problems.push(Code::TooManyRequests);
    }
}

impl Call {
    /// What is left to the caller, as the answer will say it.
    pub(crate) fn allowance(&self) -> Allowance {
        let mut extensions = self.request().extensions_mut();
        if let Some(allowance) = extensions.get::<Allowance>() {
            return allowance.clone();
        }
        let allowance = Allowance::default();
        extensions.insert(allowance.clone());
        allowance
    }
}

impl Services {
    /// Counts a registration by somebody whom nobody knows.
    ///
    /// # Errors
    /// 429 when there were too many.
    pub(crate) async fn count_registration(
        &self,
        address: Option<IpAddr>,
        allowance: &Allowance,
    ) -> Result<(), Problem> {
        let Some(address) = address.filter(|_| self.limits) else { return Ok(()) };
        match self.trusted.count(Bucket::registrations(address)).await? {
            Ok(left) => {
                allowance.note(left);
                Ok(())
            }
            Err(too_many) => Err(self.too_many(too_many, allowance)),
        }
    }

    /// Turns clients away from an address from which too much came that was no good.
    ///
    /// # Errors
    /// 429 until it is forgotten.
    pub(crate) fn admit_client(&self, address: Option<IpAddr>, allowance: &Allowance) -> Result<(), Problem> {
        let Some(address) = address.filter(|_| self.limits) else { return Ok(()) };
        let bucket = Bucket::client_failures(address);
        match self.exhausted.0.get(&bucket.key).filter(|until| *until > self.clock.now()) {
            None => Ok(()),
            Some(until) => {
                let left =
                    bucket.policy.map(|policy| Left { policy, quota: bucket.most, remaining: 0, until });
                Err(self.too_many(TooMany { until, left }, allowance))
            }
        }
    }

    /// Counts what a client sent and was no good.
    pub(crate) async fn count_failure(
        &self,
        address: Option<IpAddr>,
        allowance: &Allowance,
    ) -> Result<(), StoreError> {
        let Some(address) = address.filter(|_| self.limits) else { return Ok(()) };
        let bucket = Bucket::client_failures(address);
        match self.trusted.count(bucket).await? {
            Ok(left) => allowance.note(left),
            Err(too_many) => {
                allowance.note(too_many.left);
                self.exhausted.0.insert(bucket.key, too_many.until);
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

/// Tells what is left.
pub(crate) fn tell(left: Left, now: DateTime<Utc>, headers: &mut HeaderMap) {
    let Left { policy, quota, remaining, until } = left;
    let window = LIMIT_WINDOW.num_seconds();
    let reset = seconds_until(until, now).min(window);
    let told = [
        ("ratelimit-policy", format!("\"{policy}\";q={quota};w={window}")),
        ("ratelimit", format!("\"{policy}\";r={remaining};t={reset}")),
    ];
    for (name, value) in told {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}
