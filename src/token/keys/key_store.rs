//! Generates keys, seals them, and opens sealed keys.

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;

use super::private_key::PrivateKey;
use crate::domain::{ClockAndRandom, PUBLISHED_AHEAD, Rotating, SigningKey, StoredKey};
use crate::token::{KeyError, KeySet, MasterKey, SigningAlgorithm};

/// Longest time until all replicas know a new key.
const REPLICATION_DELAY: TimeDelta = TimeDelta::seconds(2);

/// Settings of the server's keys.
pub struct KeySettings {
    /// Algorithm that signs new tokens.
    pub algorithm: SigningAlgorithm,
    /// Secret for HS256. The operator sets it, and it is never stored.
    pub hs256_secret: Option<SecretString>,
    /// Time for which a token is accepted after signing: its lifetime and the leeway.
    pub lifetime: TimeDelta,
    /// Permitted difference between the clocks of two replicas.
    pub leeway: TimeDelta,
}

/// Time at which a new key begins to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignsFrom {
    /// At once: there is no other key.
    Now,
    /// As soon as every replica knows it. Caches of the JWK Set may not know it yet.
    KnownToReplicas,
    /// As soon as every replica and every cache of the JWK Set knows it.
    KnownToCaches,
}

/// Key store: generates signing keys, seals them with the master key, and opens sealed keys.
pub struct KeyStore {
    settings: KeySettings,
    master: Rotating<MasterKey>,
    clock_and_random: ClockAndRandom,
}

impl KeyStore {
    /// Creates a key store with this master key.
    pub(crate) fn new(
        settings: KeySettings,
        master: impl Into<Rotating<MasterKey>>,
        clock_and_random: ClockAndRandom,
    ) -> Self {
        Self { settings, master: master.into(), clock_and_random }
    }

    /// Returns the algorithm that signs new tokens.
    pub fn algorithm(&self) -> SigningAlgorithm {
        self.settings.algorithm
    }

    /// Returns the time for which a token is accepted after signing.
    pub fn lifetime(&self) -> TimeDelta {
        self.settings.lifetime
    }

    /// Generates a key of the configured algorithm and seals its private half. Its `kid` is the thumbprint
    /// of the public half (RFC 7638). An RSA key has 2048 bits and takes some time: call it from a thread
    /// that may block.
    ///
    /// # Errors
    /// [`KeyError::Symmetric`] for HS256; otherwise when there is no randomness.
    pub(crate) fn generate(&self, signs_from: SignsFrom) -> Result<StoredKey, KeyError> {
        let algorithm = self.settings.algorithm;
        let private = PrivateKey::generate(algorithm)?;
        let public = private.public_key()?;
        let sealed = private.seal(&public.kid, &self.master, &self.clock_and_random.random)?;
        let now = self.now();
        let delay = match signs_from {
            SignsFrom::Now => TimeDelta::zero(),
            SignsFrom::KnownToReplicas => self.settings.leeway + REPLICATION_DELAY,
            SignsFrom::KnownToCaches => PUBLISHED_AHEAD,
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

    /// Opens stored keys. The public half is computed from the sealed half, so that write access to the
    /// database is not enough to add a key.
    ///
    /// # Errors
    /// When a key does not open, or the secret is short.
    pub(crate) fn open(&self, stored: Vec<StoredKey>) -> Result<KeySet, KeyError> {
        let (set, mut failed) = KeySet::open(stored, &self.settings, &self.master);
        failed.drain(..).next().map_or(Ok(set), Err)
    }

    /// Opens the keys that can be opened, and logs an error for each other key.
    pub(in crate::token) fn open_each(&self, stored: Vec<StoredKey>) -> KeySet {
        let (set, failed) = KeySet::open(stored, &self.settings, &self.master);
        for error in failed {
            log::error!("{error}");
        }
        set
    }

    /// Returns the present time, which decides which keys are in force.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock_and_random.clock.now()
    }
}
