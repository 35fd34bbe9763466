//! Verification of access tokens (RFC 9068 §4, RFC 8725).

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::cache::{Accepted, CACHED_TOKENS, TokenCache};
use super::claims::Claims;
use super::invalid::InvalidToken;
use super::jws::{Jws, check_size};
use super::keys::{KeyRing, Keys};
use super::revocation::Revocations;
use super::sha256;
use super::ticket::Ticket;
use crate::authz::Vocabulary;
use crate::domain::Clock;

/// The one way from a token to a caller. Keys, cache and revocations are behind it, so that no
/// use of a token can leave one of them out.
pub struct Verifier {
    issuer: String,
    audience: String,
    leeway: TimeDelta,
    keys: Arc<Keys>,
    revocations: Arc<Revocations>,
    clock: Clock,
    vocabulary: Arc<Vocabulary>,
    cache: TokenCache,
}

/// Whose tokens are taken.
#[derive(Clone, Debug)]
pub struct Expected {
    /// What `iss` is, exactly.
    pub issuer: String,
    /// What `aud` has, exactly.
    pub audience: String,
    /// By how much clocks may differ.
    pub leeway: Duration,
}

impl Verifier {
    /// Takes the tokens that are expected; of scopes and roles, it understands those that the
    /// vocabulary has.
    pub fn new(
        expected: Expected,
        keys: Arc<Keys>,
        revocations: Arc<Revocations>,
        clock: Clock,
        vocabulary: Arc<Vocabulary>,
    ) -> Self {
        Self {
            leeway: TimeDelta::from_std(expected.leeway).unwrap_or_default(),
            issuer: expected.issuer,
            audience: expected.audience,
            keys,
            revocations,
            clock,
            vocabulary,
            cache: TokenCache::new(CACHED_TOKENS),
        }
    }

    /// Checks a token: its form, its key, its signature, its claims, and that it is neither
    /// expired nor revoked now. A token that was verified before is only asked the last of these,
    /// and whether its key is still one of ours.
    ///
    /// # Errors
    /// The first thing that is wrong, for the log; the caller is told `invalid_token`.
    pub fn verify(&self, token: &str) -> Result<Ticket, InvalidToken> {
        check_size(token)?;
        let now = self.clock.now();
        let keys = self.keys.current();
        let digest = sha256(token.as_bytes());
        let known = self.cache.get(&digest);
        let is_new = known.is_none();
        let accepted = match known {
            Some(accepted) => accepted,
            None => Arc::new(self.examine(token, &keys, now)?),
        };
        match accepted.check(&keys.verification, &self.revocations, now, self.leeway) {
            Ok(()) if is_new => self.cache.insert(digest, Arc::clone(&accepted)),
            Ok(()) => {}
            Err(reason) => {
                self.cache.remove(&digest);
                return Err(reason);
            }
        }
        Ok(accepted.ticket.clone())
    }

    /// The public keys in force as a JWK Set (RFC 7517 §5).
    pub fn jwks(&self) -> Value {
        self.keys.current().jwks().clone()
    }

    fn examine(&self, token: &str, keys: &KeyRing, now: DateTime<Utc>) -> Result<Accepted, InvalidToken> {
        let jws = Jws::parse(token)?;
        if !jws.header.typ.as_deref().is_some_and(is_access_token) {
            return Err(InvalidToken::WrongType);
        }
        let key = keys.verification.find(jws.header.kid.as_deref(), jws.header.algorithm)?;
        let claims = Claims::read(&jws.verify(key)?, &self.vocabulary)?;
        claims.check(&self.issuer, &self.audience, now, self.leeway)?;
        Ok(Accepted {
            bearer: claims.bearer.clone(),
            expires_at: claims.expires_at,
            ticket: Ticket::of(claims),
            kid: jws.header.kid,
            algorithm: key.algorithm,
            fingerprint: key.fingerprint,
        })
    }

    #[cfg(test)]
    pub(super) fn cached(&self) -> usize {
        self.cache.len()
    }

    #[cfg(test)]
    pub(super) fn cached_token(&self, token: &str) -> Option<Arc<Accepted>> {
        self.cache.get(&sha256(token.as_bytes()))
    }
}

/// RFC 9068 §2.1; media types do not mind case (RFC 7515 §4.1.9).
fn is_access_token(typ: &str) -> bool {
    ["at+jwt", "application/at+jwt"].iter().any(|name| name.eq_ignore_ascii_case(typ))
}
