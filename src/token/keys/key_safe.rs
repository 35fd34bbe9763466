//! Makes keys, seals them, and opens them again.

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;

use super::KeyError;
use super::algorithm::SigningAlgorithm;
use super::key_set::KeySet;
use super::private_key::PrivateKey;
use super::seal::MasterKey;
use crate::domain::{ClockAndRandom, PUBLISHED_AHEAD, SigningKey, StoredKey};

/// How long replicas need to learn of a key, at the most.
const LEARNT_WITHIN: TimeDelta = TimeDelta::seconds(2);

/// How the configuration wants keys to be used.
pub struct KeyUse {
    /// What new tokens are signed by.
    pub algorithm: SigningAlgorithm,
    /// The secret for HS256, which the operator gives and which is nowhere stored.
    pub hs256_secret: Option<SecretString>,
    /// How long a token is accepted after it was signed: its lifetime and the leeway.
    pub lifetime: TimeDelta,
    /// By how much the clocks of two replicas may differ.
    pub leeway: TimeDelta,
}

/// When a new key begins to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignsFrom {
    /// At once: there is no other.
    Now,
    /// As soon as every replica knows it, though a cache of the JWK Set may not.
    LearntByReplicas,
    /// As soon as every replica and every cache of the JWK Set knows it.
    LearntByAll,
}

/// What makes keys, seals them with the master key, and opens them again.
pub struct KeySafe {
    usage: KeyUse,
    master: MasterKey,
    clock_and_random: ClockAndRandom,
}

impl KeySafe {
    /// A safe that this master key opens.
    pub fn new(usage: KeyUse, master: MasterKey, clock_and_random: ClockAndRandom) -> Self {
        Self { usage, master, clock_and_random }
    }

    /// What new tokens are signed by.
    pub fn algorithm(&self) -> SigningAlgorithm {
        self.usage.algorithm
    }

    /// How long a token is accepted after it was signed.
    pub fn lifetime(&self) -> TimeDelta {
        self.usage.lifetime
    }

    /// Makes a key of the configured algorithm (RSA: of 2048 bits, which takes its time) and seals
    /// its private half. Its `kid` is the thumbprint of the public half (RFC 7638).
    ///
    /// # Errors
    /// [`KeyError::Symmetric`] for HS256; otherwise when there is no randomness.
    pub fn make(&self, signs_from: SignsFrom) -> Result<StoredKey, KeyError> {
        let algorithm = self.usage.algorithm;
        let private = PrivateKey::generate(algorithm)?;
        let public = private.public_key()?;
        let sealed = private.seal(&public.kid, &self.master, &self.clock_and_random.random)?;
        let now = self.now();
        let delay = match signs_from {
            SignsFrom::Now => TimeDelta::zero(),
            SignsFrom::LearntByReplicas => self.usage.leeway + LEARNT_WITHIN,
            SignsFrom::LearntByAll => PUBLISHED_AHEAD,
        };
        let key = SigningKey {
            kid: public.kid,
            algorithm: algorithm.as_str().to_owned(),
            created_at: now,
            signs_from: now + delay,
            retired_at: None,
        };
        Ok(StoredKey { key, sealed, public_jwk: public.jwk.to_string() })
    }

    /// Opens stored keys. What is public about a key is taken from its sealed half, so that who
    /// can write to the database can add none.
    ///
    /// # Errors
    /// When a key does not open, or the secret is short.
    pub fn open(&self, stored: Vec<StoredKey>) -> Result<KeySet, KeyError> {
        let (set, mut failed) = KeySet::open(stored, &self.usage, &self.master);
        failed.drain(..).next().map_or(Ok(set), Err)
    }

    /// Opens those that open, and says in the log which do not.
    pub(in crate::token) fn open_each(&self, stored: Vec<StoredKey>) -> KeySet {
        let (set, failed) = KeySet::open(stored, &self.usage, &self.master);
        for error in failed {
            log::error!("{error}");
        }
        set
    }

    /// The time by which keys come and go.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock_and_random.clock.now()
    }
}
