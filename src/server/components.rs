//! Store, keys and hasher of a configuration, for the server and for the command line.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use super::StartError;
use super::master_key::open_master_keys;
use crate::app::App;
use crate::config::{Config, Database};
use crate::domain::{ClockAndRandom, Lifetimes, Random, Rotating};
use crate::hashing::{Hasher, InvalidCost};
use crate::store::{Engine, OnRevoked, TrustedStore};
use crate::token::{KeySettings, KeyStore, Keys, MasterKey, SealError};

/// Context in which the master key seals the signer key of a Firebase project.
pub(super) const SIGNER_KEY: &str = "signer key of Firebase";

/// Returns the database engine of a configuration.
pub(crate) fn engine(config: &Config) -> Engine {
    match &config.database {
        Database::Sqlite(path) => Engine::Sqlite(path.clone()),
        Database::Postgres(url) => Engine::Postgres(url.clone()),
    }
}

/// Opens the store. `on_revoked` learns of each revocation that this process makes.
#[expect(clippy::disallowed_methods, reason = "the server and the command line open the store here")]
pub(crate) fn open_store(
    app: &App,
    config: &Config,
    clock_and_random: &ClockAndRandom,
    on_revoked: OnRevoked,
) -> TrustedStore {
    let forever = TimeDelta::days(36_500);
    let long = |duration: Duration| TimeDelta::from_std(duration).unwrap_or(forever);
    let lifetimes = Lifetimes {
        access_token: token_lifetime(config),
        refresh_token: long(config.refresh_token_ttl),
        session: long(config.session_ttl),
    };
    TrustedStore::open(
        engine(config),
        usize::from(config.db_pool),
        clock_and_random.clone(),
        Arc::new(app.vocabulary.clone()),
        lifetimes,
        on_revoked,
    )
}

/// Returns how long a token is accepted after it was signed.
pub(crate) fn token_lifetime(config: &Config) -> TimeDelta {
    TimeDelta::from_std(config.access_token_ttl + config.leeway).unwrap_or(TimeDelta::days(1))
}

/// Returns the maker and opener of signing keys.
pub(crate) fn key_store(
    config: &Config,
    master: Rotating<MasterKey>,
    clock_and_random: &ClockAndRandom,
) -> KeyStore {
    let usage = KeySettings {
        algorithm: config.signing_algorithm,
        hs256_secret: config.hs256_secret.clone(),
        lifetime: token_lifetime(config),
        leeway: TimeDelta::from_std(config.leeway).unwrap_or_default(),
    };
    KeyStore::new(usage, master, clock_and_random.clone())
}

/// Returns the signing keys of a server with this configuration, to make and to read its tokens.
///
/// # Errors
/// When the database is not available, or the master key did not seal its keys.
pub(crate) async fn stored_keys(
    store: &TrustedStore,
    config: &Config,
    clock_and_random: &ClockAndRandom,
) -> Result<Keys, StartError> {
    let master = open_master_keys(store, config, clock_and_random).await?;
    let stored = store.signing_keys().await?;
    Ok(Keys::open(key_store(config, master, clock_and_random), stored)?)
}

/// Returns the thread pool for password hashes.
///
/// # Errors
/// When argon2id does not accept the cost.
pub(crate) fn hasher(config: &Config, clock_and_random: &ClockAndRandom) -> Result<Hasher, InvalidCost> {
    let (lanes, queue) = (usize::from(config.hash_lanes), usize::from(config.hash_queue));
    Hasher::new(config.argon2, lanes, queue, clock_and_random.random.clone())
}

/// Returns the hasher with the power to open the signer keys in hashes of Firebase.
pub(crate) fn open_signer_keys(hasher: Hasher, master: Rotating<MasterKey>) -> Hasher {
    hasher.opening_by(Arc::new(move |sealed| master.open(sealed, SIGNER_KEY).ok()))
}

/// Seals the signer key of a Firebase project.
///
/// # Errors
/// When the operating system gives no randomness.
pub(crate) fn seal_signer_key(
    master: &Rotating<MasterKey>,
    random: &Random,
    key: &[u8],
) -> Result<Vec<u8>, SealError> {
    master.seal(random, key, SIGNER_KEY)
}
