//! Opened keys, whether or not they are in force.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::private_key::PrivateKey;
use super::signer::SigningKey as Signer;
use super::verification_keys::VerificationKeys;
use crate::domain::{KEPT_AFTERWARDS, KeyLifecycle, Rotating, SigningKey, StoredKey};
use crate::token::{KeyError, KeyRing, KeySettings, MasterKey, SigningAlgorithm, VerificationKey};

/// The `kid` of the HS256 secret.
const HS256_KID: &str = "hs256";

/// Opened keys. With the time, they give a [`KeyRing`].
pub struct KeySet {
    algorithm: SigningAlgorithm,
    lifetime: TimeDelta,
    /// All keys as they were loaded, including retired keys and keys that did not open.
    known: Vec<SigningKey>,
    opened: Vec<OpenKey>,
    secret: Option<Pair>,
}

struct OpenKey {
    key: SigningKey,
    pair: Pair,
    jwk: Value,
}

/// Signing and verification key of one key pair.
struct Pair {
    signer: Arc<Signer>,
    verification: Arc<VerificationKey>,
}

impl KeySet {
    /// Opens the keys. Returns the opened keys, and an error for each other key.
    pub(in crate::token) fn open(
        stored: Vec<StoredKey>,
        settings: &KeySettings,
        master: &Rotating<MasterKey>,
    ) -> (Self, Vec<KeyError>) {
        let mut set = Self {
            algorithm: settings.algorithm,
            lifetime: settings.lifetime,
            known: stored.iter().map(|stored| stored.key.clone()).collect(),
            opened: Vec::new(),
            secret: None,
        };
        let mut failed = Vec::new();
        for stored in stored.into_iter().filter(|stored| stored.key.retired_at.is_none()) {
            let Ok(algorithm) = stored.key.algorithm.parse() else {
                // A newer version of the server generated it.
                log::warn!(
                    "the signing key {:?} has an algorithm that this version does not know",
                    stored.key.kid
                );
                continue;
            };
            match open(stored, algorithm, master) {
                Ok(opened) => set.opened.push(opened),
                Err(error) => failed.push(error),
            }
        }
        match settings.hs256_secret.as_ref().map(hs256).transpose() {
            Ok(secret) => set.secret = secret,
            Err(error) => failed.push(error),
        }
        (set, failed)
    }

    /// Returns all keys, opened or not.
    pub(in crate::token) fn known(&self) -> &[SigningKey] {
        &self.known
    }

    /// Returns the keys in force at this time, and the time of the next change.
    pub(in crate::token) fn at(&self, now: DateTime<Utc>) -> (KeyRing, Option<DateTime<Utc>>) {
        // A key that did not open succeeds no other key.
        let retired = self.known.iter().filter(|key| key.retired_at.is_some());
        let lifecycle =
            KeyLifecycle::new(self.opened.iter().map(|open| &open.key).chain(retired), self.lifetime);
        let mut in_force: Vec<&OpenKey> =
            self.opened.iter().filter(|open| lifecycle.verifies(&open.key, now)).collect();
        in_force.sort_by_key(|open| (open.key.created_at, &open.key.kid));
        let of = |pairs: &mut dyn Iterator<Item = &Pair>| {
            VerificationKeys::of(pairs.map(|pair| Arc::clone(&pair.verification)).collect())
        };
        let kept = |open: &&OpenKey| {
            lifecycle.verifies_until(&open.key).is_none_or(|until| now < until + KEPT_AFTERWARDS)
        };
        let ring = KeyRing {
            signing: self.signer(&lifecycle, now).cloned(),
            verification: of(&mut in_force.iter().map(|open| &open.pair).chain(&self.secret)),
            hints: of(&mut self.opened.iter().filter(kept).map(|open| &open.pair)),
            jwks: json!({ "keys": in_force.iter().map(|open| &open.jwk).collect::<Vec<_>>() }),
        };
        (ring, lifecycle.next_change(now))
    }

    /// Returns the newest key of the configured algorithm that may sign already; for HS256, the secret.
    fn signer(&self, lifecycle: &KeyLifecycle<'_>, now: DateTime<Utc>) -> Option<&Arc<Signer>> {
        if self.algorithm == SigningAlgorithm::Hs256 {
            return self.secret.as_ref().map(|pair| &pair.signer);
        }
        let signing = lifecycle.signing(self.algorithm.as_str(), now)?;
        let opened = self.opened.iter().find(|open| open.key.kid == signing.kid);
        opened.map(|open| &open.pair.signer)
    }
}

fn open(
    stored: StoredKey,
    algorithm: SigningAlgorithm,
    master: &Rotating<MasterKey>,
) -> Result<OpenKey, KeyError> {
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
