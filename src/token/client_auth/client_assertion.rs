//! What a client signs with its own key to prove who it is (RFC 7523 §3, OpenID Connect Core §9).

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};

use super::client_keys::ClientKeys;
use crate::domain::sha256;
use crate::token::jws::{Jws, parse_object};

/// How far ahead an assertion may expire: some libraries make them for an hour.
const LONGEST: TimeDelta = TimeDelta::hours(1);

/// More bytes than any `jti` that is meant seriously.
const LONGEST_JTI: usize = 256;

/// An assertion that holds.
pub struct ClientAssertion {
    /// By what a second use is noticed.
    pub id: [u8; 32],
    /// Until when a second use is noticed: no replica believes it any more then.
    pub remembered_until: DateTime<Utc>,
}

impl ClientAssertion {
    /// Which client an assertion names. It is not believed: it says whose keys to try.
    pub fn client_named_in(assertion: &str) -> Option<String> {
        Jws::parse(assertion).ok()?.issuer()
    }

    /// Checks an assertion of the client with these keys, for a server of one of these names. That
    /// it is used for the first time is not looked at. None when it does not hold.
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
            Some(value) => DateTime::from_timestamp(value.as_i64()?, 0).map(Some),
        };
        let (expires_at, not_before, issued_at) = (time("exp")??, time("nbf")?, time("iat")?);
        let in_time = expires_at > now - leeway && expires_at <= now + LONGEST + leeway;
        let begun = |time: Option<DateTime<Utc>>| time.is_none_or(|time| time <= now + leeway);
        if !in_time || !begun(not_before) || !begun(issued_at) {
            return None;
        }
        let jti = claims.get("jti").and_then(Value::as_str)?;
        if jti.is_empty() || jti.len() > LONGEST_JTI {
            return None;
        }
        let id = sha256(format!("assertion {client_id} {jti}").as_bytes());
        // A replica whose clock is behind believes it for longer.
        Some(Self { id, remembered_until: expires_at + leeway + leeway })
    }
}

/// Whether `aud` is, or has, one of these names (RFC 7523 §3).
fn is_for(claims: &Map<String, Value>, audiences: &[String]) -> bool {
    let is_ours =
        |value: &Value| value.as_str().is_some_and(|name| audiences.iter().any(|ours| ours == name));
    match claims.get("aud") {
        Some(Value::Array(several)) => several.iter().any(is_ours),
        Some(one) => is_ours(one),
        None => false,
    }
}
