//! Client assertions: JWTs that a client signs to authenticate (RFC 7523 §3, OpenID Connect Core §9).

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};

use crate::domain::sha256;
use crate::token::jws::{Jws, parse_object};
use crate::token::{ClientKeys, numeric_date};

/// Longest lifetime of an assertion. Some libraries use an hour.
const MAX_LIFETIME: TimeDelta = TimeDelta::hours(1);

/// Longest `jti`, in bytes.
const MAX_JTI: usize = 256;

/// A valid assertion.
pub struct ClientAssertion {
    /// Id by which a second use is detected.
    pub id: [u8; 32],
    /// Time until which the id must be stored. After it, no replica accepts the assertion.
    pub remembered_until: DateTime<Utc>,
}

impl ClientAssertion {
    /// Returns the client that the assertion names, not verified. It selects the keys to verify with.
    pub fn client_named_in(assertion: &str) -> Option<String> {
        Jws::parse(assertion).ok()?.issuer()
    }

    /// Verifies an assertion of the client with these keys, for one of these audiences. None when it is not
    /// valid. The caller must check that it was not used before.
    pub fn verify(
        assertion: &str,
        keys: &ClientKeys,
        client_id: &str,
        audiences: &[String],
        now: DateTime<Utc>,
        leeway: TimeDelta,
    ) -> Option<Self> {
        let jws = Jws::parse(assertion).ok()?;
        let key = keys.find(jws.header.kid.as_deref(), jws.header.algorithm)?;
        let claims = parse_object(&jws.verify(key).ok()?).ok()?;
        let is_client = |name: &str| claims.get(name).and_then(Value::as_str) == Some(client_id);
        if !is_client("iss") || !is_client("sub") || !is_for(&claims, audiences) {
            return None;
        }
        let time = |name: &str| match claims.get(name) {
            None => Some(None),
            Some(value) => numeric_date(value).map(Some),
        };
        let (expires_at, not_before, issued_at) = (time("exp")??, time("nbf")?, time("iat")?);
        let in_time = expires_at > now - leeway && expires_at <= now + MAX_LIFETIME + leeway;
        let begun = |time: Option<DateTime<Utc>>| time.is_none_or(|time| time <= now + leeway);
        if !in_time || !begun(not_before) || !begun(issued_at) {
            return None;
        }
        let jti = claims.get("jti").and_then(Value::as_str)?;
        if jti.is_empty() || jti.len() > MAX_JTI {
            return None;
        }
        let id = sha256(format!("assertion {client_id} {jti}").as_bytes());
        // A replica whose clock is slow accepts it for longer.
        Some(Self { id, remembered_until: expires_at + leeway + leeway })
    }
}

/// True when `aud` is, or contains, one of these audiences (RFC 7523 §3).
fn is_for(claims: &Map<String, Value>, audiences: &[String]) -> bool {
    let is_ours =
        |value: &Value| value.as_str().is_some_and(|name| audiences.iter().any(|ours| ours == name));
    match claims.get("aud") {
        Some(Value::Array(several)) => several.iter().any(is_ours),
        Some(one) => is_ours(one),
        None => false,
    }
}
