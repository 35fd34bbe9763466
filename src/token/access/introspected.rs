//! Introspection of an access token, for the client that it was issued to.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::authz::Caller;
use crate::domain::UserId;
use crate::token::{Verification, Verifier, numeric_date};

/// A valid access token with its claims.
pub struct Introspected {
    caller: Caller,
    claims: Map<String, Value>,
}

impl Verifier {
    /// Returns the claims of a token of `issuer` that is valid for any audience.
    pub fn introspect(&self, token: &str, issuer: &str) -> Option<Introspected> {
        let verification = self.verify_for_any_audience(token).ok()?;
        let verified = match &verification {
            Verification::Verified(verified) => verified,
            Verification::Bound(bound) => bound.unproved(),
            Verification::Unconfirmed(_) | Verification::External(_) => return None,
        };
        let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
        let claims: Map<String, Value> = serde_json::from_slice(&payload).ok()?;
        let ours = claims.get("iss").and_then(Value::as_str) == Some(issuer);
        ours.then(|| Introspected { caller: verified.caller().clone(), claims })
    }
}

impl Introspected {
    /// Returns the client that the token was issued to.
    pub fn client_id(&self) -> Option<&str> {
        self.caller.token().client_id.as_deref()
    }

    /// Returns `jti`.
    pub fn jti(&self) -> Option<&str> {
        self.caller.token().jti.as_deref()
    }

    /// Returns the user of the token; none for a client's own token.
    pub fn user_id(&self) -> Option<UserId> {
        self.caller.user_id()
    }

    /// Returns `exp`. A valid token has it.
    pub fn expires_at(&self) -> DateTime<Utc> {
        self.claims.get("exp").and_then(numeric_date).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// Returns all claims.
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }
}
