//! State of one store, shared by its handles and by the transactions that run for it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};
use tokio::sync::{Semaphore, watch};
use uuid::Uuid;

use super::audit::backlog::Backlog;
use super::audit::trail_keys::TrailKeys;
use super::engine::blocking::Patience;
use super::engine::pool::Pool;
use super::engine::stall::Underway;
use super::engine::writer::Writers;
use super::{Engine, StoreError};
use crate::authz::Vocabulary;
use crate::domain::{ClockAndRandom, Lifetimes, NoRandomness, Revocation};

/// Callback for committed revocations. It runs before the request that caused them is answered.
pub(crate) type OnRevoked = Arc<dyn Fn(&[Revocation]) + Send + Sync>;

/// State of one store.
pub(in crate::store) struct Shared {
    /// Distinguishes the stores of one process.
    pub(in crate::store) id: u64,
    pub(in crate::store) pool: Pool,
    /// Permits for connections.
    pub(in crate::store) permits: Arc<Semaphore>,
    pub(in crate::store) writers: Writers,
    /// Reads that run on the thread of their request.
    pub(in crate::store) inline_reads: Underway,
    pub(in crate::store) vocabulary: Arc<Vocabulary>,
    pub(in crate::store) lifetimes: Lifetimes,
    pub(in crate::store) on_revoked: OnRevoked,
    /// Refusals that wait to be written into the audit trail.
    pub(in crate::store) backlog: Backlog,
    /// Keys of the audit trail, once the master key is known.
    pub(in crate::store) trail_keys: OnceLock<TrailKeys>,
    /// Wakes the jobs that react to changes.
    pub(in crate::store) changed: watch::Sender<()>,
    clock_and_random: ClockAndRandom,
}

impl Shared {
    /// Creates the state of a store with a pool of `connections`, which open when they are needed.
    pub(in crate::store) fn new(
        engine: Engine,
        connections: usize,
        clock_and_random: ClockAndRandom,
        vocabulary: Arc<Vocabulary>,
        lifetimes: Lifetimes,
        on_revoked: OnRevoked,
    ) -> Self {
        static STORES: AtomicU64 = AtomicU64::new(0);
        Self {
            id: STORES.fetch_add(1, Ordering::Relaxed),
            writers: Writers::new(&engine, connections),
            inline_reads: Underway::default(),
            pool: Pool::new(engine, connections, Patience::REQUEST.acquire),
            permits: Arc::new(Semaphore::new(connections)),
            vocabulary,
            lifetimes,
            on_revoked,
            backlog: Backlog::default(),
            trail_keys: OnceLock::new(),
            changed: watch::Sender::default(),
            clock_and_random,
        }
    }

    /// Returns the keys of the audit trail.
    ///
    /// # Errors
    /// When the master key is not known yet.
    pub(in crate::store) fn trail_keys(&self) -> Result<&TrailKeys, StoreError> {
        let missing = || StoreError::Internal("the master key is not loaded".to_owned());
        self.trail_keys.get().ok_or_else(missing)
    }

    /// Returns true when the disk of SQLite hangs, so that a read of it could keep its thread.
    pub(in crate::store) fn is_disk_stalled(&self) -> bool {
        self.writers.is_stalled() || self.inline_reads.is_stalled()
    }

    /// Returns the time of the store's clock.
    pub(in crate::store) fn now(&self) -> DateTime<Utc> {
        self.clock_and_random.clock.now()
    }

    /// Returns a new UUID that sorts by `time`.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub(in crate::store) fn new_uuid(&self, time: DateTime<Utc>) -> Result<Uuid, NoRandomness> {
        self.clock_and_random.random.uuid_at(time)
    }
}
