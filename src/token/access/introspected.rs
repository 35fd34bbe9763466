//! What an acceptable access token says, for the client that it was issued to.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::verified::Ticket;
use super::verify::Verifier;
use crate::authz::Caller;
use crate::domain::UserId;

/// An access token that is acceptable now, and all that it claims.
pub struct Described {
    caller: Caller,
    claims: Map<String, Value>,
}

impl Verifier {
    /// What a token says that is good, here or at another service, and that `issuer` issued.
    pub fn describe(&self, token: &str, issuer: &str) -> Option<Described> {
        let ticket = self.verify_elsewhere(token).ok()?;
        let verified = match &ticket {
            Ticket::Complete(verified) => verified,
            Ticket::Bound(bound) => bound.unproved(),
            Ticket::Unconfirmed(_) | Ticket::Stranger(_) => return None,
        };
        let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
        let claims: Map<String, Value> = serde_json::from_slice(&payload).ok()?;
        let ours = claims.get("iss").and_then(Value::as_str) == Some(issuer);
        ours.then(|| Described { caller: verified.caller().clone(), claims })
    }
}

impl Described {
    /// The client that it was issued to.
    pub fn client_id(&self) -> Option<&str> {
        self.caller.token().client_id.as_deref()
    }

    /// Its own id.
    pub fn jti(&self) -> Option<&str> {
        self.caller.token().jti.as_deref()
    }

    /// The user, when it speaks for one.
    pub fn user_id(&self) -> Option<UserId> {
        self.caller.user_id()
    }

    /// All that it claims.
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }
}
