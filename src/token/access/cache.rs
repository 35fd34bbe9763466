//! Tokens that were verified before, and forged ones, so that a signature is checked once and not at every use.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::Algorithm;

use super::revocation::{Bearer, Revocations};
use super::verified::Ticket;
use crate::token::invalid::InvalidToken;
use crate::token::issuers::ForeignIssuer;
use crate::token::keys::VerificationKeys;

/// How many tokens are remembered; the least used go first.
pub(in crate::token) const CACHED_TOKENS: usize = 10_000;

/// How many signatures that do not hold are remembered.
const FORGERIES: usize = 1_000;

/// A token that was found acceptable, and all that can make it unacceptable later.
pub(in crate::token) struct Accepted {
    /// The issuer whose keys it is held against; none for our own.
    pub(in crate::token) from: Option<Arc<ForeignIssuer>>,
    pub(in crate::token) ticket: Ticket,
    pub(in crate::token) bearer: Bearer,
    pub(in crate::token) expires_at: DateTime<Utc>,
    pub(in crate::token) kid: Option<String>,
    pub(in crate::token) algorithm: Algorithm,
    pub(in crate::token) fingerprint: [u8; 32],
}

impl Accepted {
    /// What is asked at every use, the first one too: that the token has not expired, that the
    /// very key that signed it is still the one its header names, and that nothing ended it.
    pub(in crate::token) fn check(
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

/// The accepted tokens by the SHA-256 of their whole text, bounded in number. Of what is refused only
/// that a signature is not a key's is kept, which does not change, and in a place of its own: whatever
/// is forged pushes out nothing that is good.
pub(in crate::token) struct TokenCache {
    tokens: quick_cache::sync::Cache<[u8; 32], Arc<Accepted>>,
    /// By the token and the fingerprint of the key.
    forgeries: quick_cache::sync::Cache<([u8; 32], [u8; 32]), ()>,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// How the cache is used.
pub struct CacheUse {
    /// Tokens in it.
    pub tokens: usize,
    /// Look-ups that found a token.
    pub hits: u64,
    /// Look-ups that did not.
    pub misses: u64,
}

impl TokenCache {
    pub(in crate::token) fn new(capacity: usize) -> Self {
        let tokens = quick_cache::sync::Cache::new(capacity);
        let forgeries = quick_cache::sync::Cache::new(FORGERIES);
        Self { tokens, forgeries, hits: AtomicU64::new(0), misses: AtomicU64::new(0) }
    }

    /// What `verify` finds, which is not asked again about a signature that did not hold.
    pub(in crate::token) fn signature<T>(
        &self,
        token: &[u8; 32],
        key: &[u8; 32],
        verify: impl FnOnce() -> Result<T, InvalidToken>,
    ) -> Result<T, InvalidToken> {
        if self.forgeries.get(&(*token, *key)).is_some() {
            return Err(InvalidToken::WrongSignature);
        }
        let found = verify();
        if matches!(found, Err(InvalidToken::WrongSignature)) {
            self.forgeries.insert((*token, *key), ());
        }
        found
    }

    /// How many signatures that do not hold are remembered.
    #[cfg(test)]
    pub(in crate::token) fn forgeries(&self) -> usize {
        self.forgeries.len()
    }

    /// Whether a token was verified before; it does not count as a use.
    pub(in crate::token) fn has(&self, digest: &[u8; 32]) -> bool {
        self.tokens.peek(digest).is_some()
    }

    pub(in crate::token) fn get(&self, digest: &[u8; 32]) -> Option<Arc<Accepted>> {
        let found = self.tokens.get(digest);
        let count = if found.is_some() { &self.hits } else { &self.misses };
        count.fetch_add(1, Ordering::Relaxed);
        found
    }

    pub(in crate::token) fn insert(&self, digest: [u8; 32], accepted: Arc<Accepted>) {
        self.tokens.insert(digest, accepted);
    }

    pub(in crate::token) fn remove(&self, digest: &[u8; 32]) {
        self.tokens.remove(digest);
    }

    pub(in crate::token) fn usage(&self) -> CacheUse {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        CacheUse { tokens: self.tokens.len(), hits: count(&self.hits), misses: count(&self.misses) }
    }
}
