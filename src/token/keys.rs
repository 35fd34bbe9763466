//! The server's own keys: made, kept sealed, and held ready to sign and to verify.

use std::sync::{Arc, PoisonError, RwLock};

use jsonwebtoken::{Algorithm, EncodingKey};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::algorithm::SigningAlgorithm;
use super::invalid::InvalidToken;
use super::private::PrivateKey;
use super::seal::MasterKey;
use super::verification_key::{UnfitKey, VerificationKey};
use crate::domain::{Clock, Random, StoredKey};

/// The `kid` of the HS256 secret, which the operator gave and which is nowhere stored.
const HS256_KID: &str = "hs256";

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

impl StoredKey {
    /// Makes a key (RSA: of 2048 bits) and seals its private half. Its `kid` is the thumbprint of
    /// the public half (RFC 7638).
    ///
    /// # Errors
    /// [`KeyError::Symmetric`] for HS256; otherwise when there is no randomness.
    pub fn generate(
        algorithm: SigningAlgorithm,
        master: &MasterKey,
        random: &Random,
        clock: &Clock,
    ) -> Result<Self, KeyError> {
        let private = PrivateKey::generate(algorithm)?;
        let public = private.public_key()?;
        Ok(Self {
            sealed: private.seal(&public.kid, master, random)?,
            kid: public.kid,
            algorithm: algorithm.as_str().to_owned(),
            public_jwk: public.jwk.to_string(),
            created_at: clock.now(),
        })
    }
}

/// Keys that verify, found by what a token's header says.
pub(super) struct VerificationKeys(Vec<Arc<VerificationKey>>);

impl VerificationKeys {
    /// Of keys that share a `kid` none is used: a token could not say which it means.
    pub(super) fn of(keys: Vec<VerificationKey>) -> Self {
        let keys: Vec<_> = keys.into_iter().map(Arc::new).collect();
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

/// What new tokens are signed with.
pub(super) struct SigningKey {
    pub(super) kid: String,
    pub(super) algorithm: Algorithm,
    pub(super) key: EncodingKey,
}

/// The server's keys at one time.
pub struct KeyRing {
    pub(super) signing: SigningKey,
    pub(super) verification: VerificationKeys,
    jwks: Value,
}

impl KeyRing {
    /// Opens the stored keys. The newest of the algorithm `signing` signs, or for HS256 the
    /// secret; all of them verify, each with its own algorithm. What is public about a key is
    /// taken from its sealed half, so that who can write to the database can add none.
    ///
    /// # Errors
    /// When a key does not open, the secret is short, or nothing can sign.
    pub fn open(
        mut stored: Vec<StoredKey>,
        hs256_secret: Option<&SecretString>,
        signing: SigningAlgorithm,
        master: &MasterKey,
    ) -> Result<Self, KeyError> {
        stored.sort_by(|a, b| (a.created_at, &a.kid).cmp(&(b.created_at, &b.kid)));
        let (mut signer, mut verification, mut published) = (None, Vec::new(), Vec::new());
        for key in stored {
            let Ok(algorithm) = key.algorithm.parse() else {
                // One that a newer version of the server made.
                log::warn!("the key {:?} is of an algorithm that is not known here", key.kid);
                continue;
            };
            let private = PrivateKey::open(&key.kid, algorithm, &key.sealed, master)?;
            let public = private.public_key()?;
            let unfit = |why| KeyError::Unfit(public.kid.clone(), why);
            verification.push(VerificationKey::from_jwk(&public.jwk).map_err(unfit)?);
            if algorithm == signing {
                let key = private.signing_key()?;
                signer = Some(SigningKey { kid: public.kid, algorithm: algorithm.jws(), key });
            }
            published.push(public.jwk);
        }
        if let Some(secret) = hs256_secret {
            let secret = secret.expose_secret().as_bytes();
            let key = VerificationKey::hs256(HS256_KID, secret);
            verification.push(key.map_err(|_| KeyError::ShortSecret)?);
            if signing == SigningAlgorithm::Hs256 {
                let key = EncodingKey::from_secret(secret);
                signer = Some(SigningKey { kid: HS256_KID.to_owned(), algorithm: Algorithm::HS256, key });
            }
        }
        Ok(Self {
            signing: signer.ok_or(KeyError::NoSigningKey(signing))?,
            verification: VerificationKeys::of(verification),
            jwks: json!({ "keys": published }),
        })
    }

    /// The public keys as a JWK Set (RFC 7517 §5); never a symmetric one.
    pub fn jwks(&self) -> &Value {
        &self.jwks
    }
}

/// The key ring that is in force, to be replaced while the server runs.
pub struct Keys(RwLock<Arc<KeyRing>>);

impl Keys {
    /// Begins with this ring.
    pub fn new(ring: KeyRing) -> Self {
        Self(RwLock::new(Arc::new(ring)))
    }

    /// The ring in force.
    pub fn current(&self) -> Arc<KeyRing> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another ring in force: from now on a token signed by a key that it lacks is refused.
    pub fn replace(&self, ring: KeyRing) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
    }
}
