//! The server's own keys, held ready to sign and to verify.

pub(in crate::token) mod algorithm;
pub(in crate::token) mod key_safe;
pub(in crate::token) mod key_set;
pub(in crate::token) mod private_key;
pub(in crate::token) mod seal;
pub(in crate::token) mod signer;
pub(in crate::token) mod verification_key;
use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, Utc};
use jsonwebtoken::Algorithm;
use serde_json::Value;

use super::access::issue::IssueError;
use super::invalid::InvalidToken;
use crate::domain::StoredKey;
use algorithm::SigningAlgorithm;
use key_safe::KeySafe;
use key_set::KeySet;
use signer::SigningKey;
use verification_key::{UnfitKey, VerificationKey};

/// Why keys cannot be made or used. Nothing of a key is in it.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// An HS256 secret is the operator's to give.
    #[error("a key for HS256 is given by the operator, not made")]
    Symmetric,
    /// The secret has fewer than 32 bytes.
    #[error("the HS256 secret must have at least 32 bytes")]
    ShortSecret,
    /// The system gave no randomness, or no key.
    #[error("a key could not be made")]
    NotGenerated,
    /// The master key is another than at the time, or the stored key was tampered with.
    #[error("the signing key {0} cannot be opened: is the master key the one that sealed it?")]
    Sealed(String),
    /// What was sealed is not a key of its algorithm.
    #[error("a stored key is malformed")]
    Malformed,
    /// A stored key does not fit its own algorithm.
    #[error("the signing key {0} {1}")]
    Unfit(String, UnfitKey),
    /// There is nothing to sign with.
    #[error("there is no key to sign with by {0}")]
    NoSigningKey(SigningAlgorithm),
}

/// Keys that verify, found by what a token's header says.
pub(super) struct VerificationKeys(Vec<Arc<VerificationKey>>);

impl VerificationKeys {
    /// Of keys that share a `kid` none is used: a token could not say which it means.
    pub(super) fn of(keys: Vec<Arc<VerificationKey>>) -> Self {
        let shares =
            |kid: &Option<String>| kid.is_some() && keys.iter().filter(|other| other.kid == *kid).count() > 1;
        Self(keys.iter().filter(|key| !shares(&key.kid)).cloned().collect())
    }

    /// The key that a token's header names, or without a `kid` the only one for its `alg`. Whether
    /// the `alg` is that of the key is checked with the signature.
    pub(super) fn find(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<&Arc<VerificationKey>, InvalidToken> {
        if let Some(kid) = kid {
            let named = |key: &&Arc<VerificationKey>| key.kid.as_deref() == Some(kid);
            return self.0.iter().find(named).ok_or(InvalidToken::UnknownKey);
        }
        let mut fitting = self.0.iter().filter(|key| key.algorithm == algorithm);
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(key),
            _ => Err(InvalidToken::AmbiguousKey),
        }
    }
}

/// The server's keys at one time.
pub struct KeyRing {
    pub(super) signing: Option<Arc<SigningKey>>,
    pub(super) verification: VerificationKeys,
    pub(super) jwks: Value,
}

impl KeyRing {
    /// The public keys as a JWK Set (RFC 7517 §5); never a symmetric one.
    pub fn jwks(&self) -> &Value {
        &self.jwks
    }

    /// What signs.
    pub(super) fn signing_key(&self) -> Result<&SigningKey, IssueError> {
        self.signing.as_deref().ok_or(IssueError::NotSigned)
    }

    /// Whether there is anything to sign with.
    pub fn signs(&self) -> bool {
        self.signing.is_some()
    }
}

/// The keys that are in force, to be replaced while the server runs. Which of them sign and verify
/// changes with the clock, at the very moment.
pub struct Keys {
    safe: KeySafe,
    held: RwLock<Held>,
}

struct Held {
    set: Arc<KeySet>,
    ring: Arc<KeyRing>,
    /// From when until when, by the clock, the ring is what the set says.
    from: DateTime<Utc>,
    until: Option<DateTime<Utc>>,
}

impl Held {
    fn of(set: Arc<KeySet>, now: DateTime<Utc>) -> Self {
        let (ring, until) = set.at(now);
        Self { set, ring: Arc::new(ring), from: now, until }
    }

    fn holds_at(&self, now: DateTime<Utc>) -> bool {
        self.from <= now && self.until.is_none_or(|until| now < until)
    }
}

impl Keys {
    /// Begins with these keys, which the safe opens.
    ///
    /// # Errors
    /// When a key does not open, the secret is short, or nothing can sign.
    pub fn open(safe: KeySafe, stored: Vec<StoredKey>) -> Result<Self, KeyError> {
        let held = Held::of(Arc::new(safe.open(stored)?), safe.now());
        if !held.ring.signs() {
            return Err(KeyError::NoSigningKey(safe.algorithm()));
        }
        Ok(Self { safe, held: RwLock::new(held) })
    }

    /// What makes and opens them.
    pub fn safe(&self) -> &KeySafe {
        &self.safe
    }

    /// The ring in force now.
    pub fn current(&self) -> Arc<KeyRing> {
        let now = self.safe.now();
        {
            let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
            if held.holds_at(now) {
                return Arc::clone(&held.ring);
            }
        }
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if !held.holds_at(now) {
            *held = Held::of(Arc::clone(&held.set), now);
        }
        Arc::clone(&held.ring)
    }

    /// The keys that were loaded last, without their secrets: those in force, and those that were.
    pub fn known(&self) -> Vec<crate::domain::SigningKey> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).set.known().to_vec()
    }

    /// Whether these are the keys that were loaded last.
    pub fn know(&self, stored: &[StoredKey]) -> bool {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.set.known().iter().eq(stored.iter().map(|stored| &stored.key))
    }

    /// Puts these keys in force. One that does not open is not used, and the log says so: somebody
    /// else wrote it. From now on a token signed by a key that they lack is refused.
    pub fn load(&self, stored: Vec<StoredKey>) {
        self.replace(self.safe.open_each(stored));
    }

    /// Puts opened keys in force.
    pub fn replace(&self, set: KeySet) {
        let held = Held::of(Arc::new(set), self.safe.now());
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = held;
    }
}
