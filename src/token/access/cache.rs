//! Cache of verified tokens and of wrong signatures, so that each signature is checked once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::Algorithm;

use crate::authz::Revocable;
use crate::token::keys::verification_keys::VerificationKeys;
use crate::token::{ExternalIssuer, InvalidToken, Revocations, Verification};

/// Most cached tokens; the least used are evicted first.
pub(in crate::token) const CACHED_TOKENS: usize = 10_000;

/// Most cached wrong signatures.
const CACHED_FORGERIES: usize = 1_000;

/// An accepted token, with everything that can make it invalid later.
pub(in crate::token) struct Accepted {
    /// The external issuer; none for our own tokens.
    pub(in crate::token) issuer: Option<Arc<ExternalIssuer>>,
    pub(in crate::token) verification: Verification,
    pub(in crate::token) revocable: Revocable,
    pub(in crate::token) expires_at: DateTime<Utc>,
    pub(in crate::token) kid: Option<String>,
    pub(in crate::token) algorithm: Algorithm,
    pub(in crate::token) fingerprint: [u8; 32],
}

impl Accepted {
    /// Checks that the token has not expired, that its header still names the key that signed it, and
    /// that it is not revoked. Every use of a token makes these checks, the first use too.
    pub(in crate::token) fn check(
        &self,
        keys: &VerificationKeys,
        revocations: &Revocations,
        now: DateTime<Utc>,
        leeway: TimeDelta,
    ) -> Result<(), InvalidToken> {
        if self.expires_at <= now - leeway && !fault!(expiry_not_checked) {
            return Err(InvalidToken::Expired);
        }
        let key = keys.find(self.kid.as_deref(), self.algorithm)?;
        if key.fingerprint != self.fingerprint {
            return Err(InvalidToken::WrongSignature);
        }
        if revocations.is_revoked(&self.revocable) && !fault!(revocation_not_checked) {
            return Err(InvalidToken::Revoked);
        }
        Ok(())
    }
}

/// Accepted tokens, by the SHA-256 of their whole text.
///
/// A wrong signature is the only refusal that it keeps, since that never changes. Wrong signatures have a
/// cache of their own, so that forged tokens evict no valid ones. Both caches are bounded.
pub(in crate::token) struct TokenCache {
    tokens: quick_cache::sync::Cache<[u8; 32], Arc<Accepted>>,
    /// Wrong signatures, by token and fingerprint of the key.
    forgeries: quick_cache::sync::Cache<([u8; 32], [u8; 32]), ()>,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// Counters of the token cache.
pub struct CacheUsage {
    /// Tokens in the cache.
    pub tokens: usize,
    /// Look-ups that found a token.
    pub hits: u64,
    /// Look-ups that found none.
    pub misses: u64,
}

impl TokenCache {
    pub(in crate::token) fn new(capacity: usize) -> Self {
        let tokens = quick_cache::sync::Cache::new(capacity);
        let forgeries = quick_cache::sync::Cache::new(CACHED_FORGERIES);
        Self { tokens, forgeries, hits: AtomicU64::new(0), misses: AtomicU64::new(0) }
    }

    /// Returns the result of `verify`. A cached wrong signature is not verified again.
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

    /// Returns the number of cached wrong signatures.
    #[cfg(test)]
    pub(in crate::token) fn forgeries(&self) -> usize {
        self.forgeries.len()
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

    pub(in crate::token) fn usage(&self) -> CacheUsage {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        CacheUsage { tokens: self.tokens.len(), hits: count(&self.hits), misses: count(&self.misses) }
    }
}
