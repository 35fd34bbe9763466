//! Background duties of the audit trail: seal new entries, remove expired ones. They run on every replica; an
//! advisory lock lets one work at a time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use chrono::TimeDelta;

use super::check::{Check, Wrong};
use crate::domain::Clock;
use crate::store::{StoreError, TrustedStore};

/// Number of entries sealed or removed in one transaction.
const BATCH: u16 = 256;

/// Shortest pause between two batches of a removal. The pause is as long as the batch took, so that requests
/// have the database for half of the time at least.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);

/// The audit trail's hash chain, to make it longer at the end and shorter at the beginning, and to seal the personal
/// members of its entries.
#[derive(Clone)]
pub(crate) struct Sealer {
    store: TrustedStore,
    clock: Clock,
    /// Set when personal data was deleted, until the write-ahead log is empty.
    has_erasure: Arc<AtomicBool>,
    /// Result of the check of the chain before old entries are sealed.
    checked: Arc<OnceLock<Option<Wrong>>>,
}

/// Reason why the old entries are not sealed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResealError {
    /// The database is not available.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The chain has a fault.
    #[error(
        "the personal members of old audit entries stay in clear, because the audit trail was changed: {0}; see `audit \
         verify` for all faults, and go on with `audit seal --despite-faults`, which keeps them visible"
    )]
    Wrong(Wrong),
}

impl Sealer {
    /// Returns the sealer of a store.
    pub(crate) fn new(store: TrustedStore, clock: Clock) -> Self {
        Self { store, clock, has_erasure: Arc::default(), checked: Arc::default() }
    }

    /// Seals all new entries. Returns how many are left, or wait for another replica that seals them.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn seal(self) -> Result<i64, StoreError> {
        loop {
            let sealed = self.store.seal_entries(BATCH).await?;
            self.has_erasure.fetch_or(sealed.has_erasure, Ordering::Relaxed);
            if sealed.entries < usize::from(BATCH) {
                return Ok(self.store.unsealed().await?.0);
            }
            tokio::task::yield_now().await;
        }
    }

    /// Empties SQLite's write-ahead log after the deletion of a user: pages in it have what was deleted. While a reader
    /// uses them, the next run tries again.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn empty_log(self) -> Result<(), StoreError> {
        if self.has_erasure.swap(false, Ordering::Relaxed) && !self.store.empty_log().await? {
            self.has_erasure.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Seals the personal members of all old entries, if the chain has no fault. `progress` takes the number of sealed
    /// entries.
    ///
    /// # Errors
    /// [`ResealError`]. A chain with a fault is checked once only.
    pub(crate) async fn seal_old(
        self,
        despite_faults: bool,
        progress: impl Fn(usize),
    ) -> Result<usize, ResealError> {
        if !self.store.has_old_entries().await? {
            return Ok(0);
        }
        if !despite_faults {
            self.require_sound_chain().await?;
        }
        let mut sealed = 0;
        let result = loop {
            let began = Instant::now();
            let batch = self.store.seal_old_entries(BATCH, despite_faults).await?;
            sealed += batch.entries;
            progress(sealed);
            match batch.wrong {
                Some(wrong) => break Err(ResealError::Wrong(wrong)),
                None if batch.is_done => break Ok(sealed),
                None => tokio::time::sleep(began.elapsed().max(SHORTEST_PAUSE)).await,
            }
        };
        if sealed > 0 {
            if let Err(error) = self.store.rewrite_file().await {
                log::warn!(
                    "the database file can have copies of the members that were sealed: {error}; run VACUUM when there \
                     is room"
                );
            }
            self.has_erasure.store(true, Ordering::Relaxed);
            self.store.record_resealing(sealed).await?;
        }
        result
    }

    async fn require_sound_chain(&self) -> Result<(), ResealError> {
        if self.checked.get().is_none() {
            let check = Check { store: &self.store, anchor: None };
            let found = check.run(|_| {}).await?.wrong.into_iter().next();
            drop(self.checked.set(found));
        }
        match self.checked.get().cloned().flatten() {
            Some(wrong) => Err(ResealError::Wrong(wrong)),
            None => Ok(()),
        }
    }

    /// Removes all entries older than the retention.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn expire(self, retention: TimeDelta) -> Result<(), StoreError> {
        loop {
            let (began, before) = (Instant::now(), self.clock.now() - retention);
            if self.store.expire_entries(before, BATCH).await? < usize::from(BATCH) {
                return Ok(());
            }
            tokio::time::sleep(began.elapsed().max(SHORTEST_PAUSE)).await;
        }
    }
}
