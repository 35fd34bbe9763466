//! Opened keys, whatever the time.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::algorithm::SigningAlgorithm;
use super::key_safe::KeyUse;
use super::private_key::PrivateKey;
use super::seal::MasterKey;
use super::signer::SigningKey as Signer;
use super::verification_key::VerificationKey;
use super::{KeyError, KeyRing, VerificationKeys};
use crate::domain::{KeyLifecycle, SigningKey, StoredKey};

/// The `kid` of the HS256 secret.
const HS256_KID: &str = "hs256";

/// Opened keys: what a [`KeyRing`] is made of at any time.
pub struct KeySet {
    algorithm: SigningAlgorithm,
    lifetime: TimeDelta,
    /// As they were given, the retired ones and those that did not open too.
    known: Vec<SigningKey>,
    opened: Vec<OpenKey>,
    secret: Option<Pair>,
}

struct OpenKey {
    key: SigningKey,
    pair: Pair,
    jwk: Value,
}

/// The two ends of a signature.
struct Pair {
    signer: Arc<Signer>,
    verification: Arc<VerificationKey>,
}

impl KeySet {
    /// Opens what opens, and says what is wrong with the rest.
    pub(in crate::token) fn open(
        stored: Vec<StoredKey>,
        usage: &KeyUse,
        master: &MasterKey,
    ) -> (Self, Vec<KeyError>) {
        let mut set = Self {
            algorithm: usage.algorithm,
            lifetime: usage.lifetime,
            known: stored.iter().map(|stored| stored.key.clone()).collect(),
            opened: Vec::new(),
            secret: None,
        };
        let mut failed = Vec::new();
        for stored in stored.into_iter().filter(|stored| stored.key.retired_at.is_none()) {
            let Ok(algorithm) = stored.key.algorithm.parse() else {
                // One that a newer version of the server made.
                log::warn!("the key {:?} is of an algorithm that is not known here", stored.key.kid);
                continue;
            };
            match open(stored, algorithm, master) {
                Ok(opened) => set.opened.push(opened),
                Err(error) => failed.push(error),
            }
        }
        match usage.hs256_secret.as_ref().map(hs256).transpose() {
            Ok(secret) => set.secret = secret,
            Err(error) => failed.push(error),
        }
        (set, failed)
    }

    /// Every key that it was made of, opened or not.
    pub(in crate::token) fn known(&self) -> &[SigningKey] {
        &self.known
    }

    /// What is in force at this time, and until when.
    pub(in crate::token) fn at(&self, now: DateTime<Utc>) -> (KeyRing, Option<DateTime<Utc>>) {
        // One that did not open is nobody's successor.
        let retired = self.known.iter().filter(|key| key.retired_at.is_some());
        let lives = KeyLifecycle::new(self.opened.iter().map(|open| &open.key).chain(retired), self.lifetime);
        let mut in_force: Vec<&OpenKey> =
            self.opened.iter().filter(|open| lives.verifies(&open.key, now)).collect();
        in_force.sort_by_key(|open| (open.key.created_at, &open.key.kid));
        let verifying = in_force.iter().map(|open| &open.pair).chain(&self.secret);
        let ring = KeyRing {
            signing: self.signer(&lives, now).cloned(),
            verification: VerificationKeys::of(
                verifying.map(|pair| Arc::clone(&pair.verification)).collect(),
            ),
            jwks: json!({ "keys": in_force.iter().map(|open| &open.jwk).collect::<Vec<_>>() }),
        };
        (ring, lives.next_change(now))
    }

    /// The newest key of the configured algorithm whose time has come, or for HS256 the secret.
    fn signer(&self, lives: &KeyLifecycle<'_>, now: DateTime<Utc>) -> Option<&Arc<Signer>> {
        if self.algorithm == SigningAlgorithm::Hs256 {
            return self.secret.as_ref().map(|pair| &pair.signer);
        }
        let signing = lives.signing(self.algorithm.as_str(), now)?;
        let opened = self.opened.iter().find(|open| open.key.kid == signing.kid);
        opened.map(|open| &open.pair.signer)
    }
}

fn open(stored: StoredKey, algorithm: SigningAlgorithm, master: &MasterKey) -> Result<OpenKey, KeyError> {
    let private = PrivateKey::open(&stored.key.kid, algorithm, &stored.sealed, master)?;
    let public = private.public_key()?;
    let unfit = |why| KeyError::Unfit(public.kid.clone(), why);
    let verification = Arc::new(VerificationKey::from_jwk(&public.jwk).map_err(unfit)?);
    let signer = private.signer(&public.kid)?;
    let pair = Pair { signer: Arc::new(signer), verification };
    Ok(OpenKey { key: stored.key, pair, jwk: public.jwk })
}

fn hs256(secret: &SecretString) -> Result<Pair, KeyError> {
    let secret = secret.expose_secret().as_bytes();
    let verification = VerificationKey::hs256(HS256_KID, secret).map_err(|_| KeyError::ShortSecret)?;
    let signer = Signer::hs256(HS256_KID, secret);
    Ok(Pair { signer: Arc::new(signer), verification: Arc::new(verification) })
}
