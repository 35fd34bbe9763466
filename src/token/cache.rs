//! Tokens that were verified before, so that a signature is checked once and not at every use.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::Algorithm;

use super::invalid::InvalidToken;
use super::issuers::ForeignIssuer;
use super::keys::VerificationKeys;
use super::revocation::{Bearer, Revocations};
use super::ticket::Ticket;

/// How many tokens are remembered; the least used go first.
pub(super) const CACHED_TOKENS: usize = 10_000;

/// A token that was found acceptable, and all that can make it unacceptable later.
pub(super) struct Accepted {
    /// The issuer whose keys it is held against; none for our own.
    pub(super) from: Option<Arc<ForeignIssuer>>,
    pub(super) ticket: Ticket,
    pub(super) bearer: Bearer,
    pub(super) expires_at: DateTime<Utc>,
    pub(super) kid: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) fingerprint: [u8; 32],
}

impl Accepted {
    /// What is asked at every use, the first one too: that the token has not expired, that the
    /// very key that signed it is still the one its header names, and that nothing ended it.
    pub(super) fn check(
        &self,
        keys: &VerificationKeys,
        revocations: &Revocations,
        now: DateTime<Utc>,
        leeway: TimeDelta,
    ) -> Result<(), InvalidToken> {
        if self.expires_at <= now - leeway {
            return Err(InvalidToken::Expired);
        }
        let key = keys.find(self.kid.as_deref(), self.algorithm)?;
        if key.fingerprint != self.fingerprint {
            return Err(InvalidToken::WrongSignature);
        }
        if revocations.ended(&self.bearer) {
            return Err(InvalidToken::Revoked);
        }
        Ok(())
    }
}

/// The accepted tokens by the SHA-256 of their whole text, bounded in number. Refusals are not
/// kept: they are cheap to repeat and would push out what is worth keeping.
pub(super) struct TokenCache(quick_cache::sync::Cache<[u8; 32], Arc<Accepted>>);

impl TokenCache {
    pub(super) fn new(capacity: usize) -> Self {
        Self(quick_cache::sync::Cache::new(capacity))
    }

    pub(super) fn get(&self, digest: &[u8; 32]) -> Option<Arc<Accepted>> {
        self.0.get(digest)
    }

    pub(super) fn insert(&self, digest: [u8; 32], accepted: Arc<Accepted>) {
        self.0.insert(digest, accepted);
    }

    pub(super) fn remove(&self, digest: &[u8; 32]) {
        self.0.remove(digest);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
