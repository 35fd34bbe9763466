//! The server's own keys, replaceable while it runs.

use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, Utc};

use crate::domain::{KeyLifecycle, StoredKey};
use crate::token::{KeyError, KeyRing, KeySet, KeyStore};

/// The server's keys, replaceable while it runs. Which of them sign and verify changes with the clock.
///
/// They sign any token, so only the server, the authorization server and the command line hold them. Only
/// the crate constructs them and replaces them.
pub struct Keys {
    key_store: KeyStore,
    held: RwLock<Held>,
}

struct Held {
    set: Arc<KeySet>,
    ring: Arc<KeyRing>,
    /// Time span in which the ring is valid: from `from`, until `until` or without end.
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
    /// Opens the stored keys.
    ///
    /// # Errors
    /// When a key does not open, the secret is short, or no key can sign.
    pub(crate) fn open(key_store: KeyStore, stored: Vec<StoredKey>) -> Result<Self, KeyError> {
        let held = Held::of(Arc::new(key_store.open(stored)?), key_store.now());
        if !held.ring.signs() {
            return Err(KeyError::NoSigningKey(key_store.algorithm()));
        }
        Ok(Self { key_store, held: RwLock::new(held) })
    }

    /// Returns the key store.
    pub fn key_store(&self) -> &KeyStore {
        &self.key_store
    }

    /// Returns the keys in force now.
    pub fn current(&self) -> Arc<KeyRing> {
        let now = self.key_store.now();
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

    /// Returns the keys that were loaded last, without their secrets. Retired keys are included.
    pub fn known(&self) -> Vec<crate::domain::SigningKey> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).set.known().to_vec()
    }

    /// Returns the time of creation of the key that signs. None when no stored key does.
    pub(crate) fn signing_since(&self) -> Option<DateTime<Utc>> {
        let known = self.known();
        let lifecycle = KeyLifecycle::new(&known, self.key_store.lifetime());
        let signing = lifecycle.signing(self.key_store.algorithm().as_str(), self.key_store.now())?;
        Some(signing.created_at)
    }

    /// True when these are the keys that were loaded last.
    pub fn are_loaded(&self, stored: &[StoredKey]) -> bool {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.set.known().iter().eq(stored.iter().map(|stored| &stored.key))
    }

    /// Replaces the keys. A key that does not open is not used, and the log has an error: it was not
    /// written by this server. From now on, tokens of keys that are not loaded are refused.
    pub(crate) fn load(&self, stored: Vec<StoredKey>) {
        self.replace(self.key_store.open_each(stored));
    }

    /// Replaces the keys by opened ones.
    pub(in crate::token) fn replace(&self, set: KeySet) {
        let held = Held::of(Arc::new(set), self.key_store.now());
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = held;
    }
}
