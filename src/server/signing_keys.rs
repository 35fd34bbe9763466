//! Signing keys: the first one, and the background duty that rotates them.

use std::sync::Arc;

use chrono::TimeDelta;

use super::replication::ReplicationError;
use crate::domain::{Clock, KeyLifecycle, StoredKey};
use crate::store::TrustedStore;
use crate::token::{KeyStore, Keys, SigningAlgorithm, SignsFrom};

/// Rotation of the signing keys. Any replica rotates them when that is due.
#[derive(Clone)]
pub(super) struct KeyRotation {
    /// The database.
    pub(super) store: TrustedStore,
    /// The signing keys in memory.
    pub(super) keys: Arc<Keys>,
    /// Time after which a new key signs. None when keys are not rotated.
    pub(super) every: Option<TimeDelta>,
    /// The clock.
    pub(super) clock: Clock,
}

impl KeyRotation {
    /// Creates the next key when that is due, and deletes keys that no token needs any more.
    ///
    /// # Errors
    /// When the database is not available.
    pub(super) async fn run(self) -> Result<(), ReplicationError> {
        let Self { store, keys, every, clock } = &self;
        let now = clock.now();
        let (known, algorithm) = (keys.known(), keys.key_store().algorithm());
        let lives = KeyLifecycle::new(&known, keys.key_store().lifetime());
        if let Some(every) = every.filter(|every| lives.is_due(algorithm.as_str(), *every, now)) {
            let next = create(keys, SignsFrom::KnownToCaches).await?;
            let (kid, from) = (next.key.kid.clone(), next.key.signs_from);
            if let Some(stored) = store.rotate_keys_when_due(next, every).await? {
                log::info!("the signing key {kid} was created; it signs from {from}");
                load(keys, stored).await?;
            }
        }
        if lives.deletable(now).next().is_some() {
            store.prune_keys().await?;
        }
        Ok(())
    }
}

/// Returns the signing keys of the database, and creates the first one when none signs.
///
/// # Errors
/// When the database is not available, or the master key does not open a key.
pub(super) async fn load_or_create_keys(
    store: &TrustedStore,
    safe: KeyStore,
) -> Result<Keys, ReplicationError> {
    let stored = store.signing_keys().await?;
    let lives = KeyLifecycle::new(stored.iter().map(|stored| &stored.key), safe.lifetime());
    let algorithm = safe.algorithm();
    let signs = lives.signing(algorithm.as_str(), safe.now()).is_some();
    if signs || algorithm == SigningAlgorithm::Hs256 {
        return Ok(Keys::open(safe, stored)?);
    }
    let stored = store.add_first_key(safe.generate(SignsFrom::Now)?).await?;
    Ok(Keys::open(safe, stored)?)
}

/// Opens the keys in a worker thread: it takes time.
pub(super) async fn load(keys: &Arc<Keys>, stored: Vec<StoredKey>) -> Result<(), ReplicationError> {
    let keys = Arc::clone(keys);
    Ok(tokio::task::spawn_blocking(move || keys.load(stored)).await?)
}

/// Creates a key in a worker thread: it takes time.
pub(super) async fn create(keys: &Arc<Keys>, signs_from: SignsFrom) -> Result<StoredKey, ReplicationError> {
    let keys = Arc::clone(keys);
    Ok(tokio::task::spawn_blocking(move || keys.key_store().generate(signs_from)).await??)
}
