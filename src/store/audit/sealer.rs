//! Background duties of the audit trail: seal new entries, remove expired ones. They run on every replica; an
//! advisory lock lets one work at a time.

use std::time::{Duration, Instant};

use chrono::TimeDelta;

use crate::domain::Clock;
use crate::store::{ChainKey, StoreError, TrustedStore};

/// Number of entries sealed or removed in one transaction.
const BATCH: u16 = 256;

/// Shortest pause between two batches of a removal. The pause is as long as the batch took, so that requests
/// have the database for half of the time at least.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);

/// The audit trail's hash chain, to make it longer at the end and shorter at the beginning.
#[derive(Clone)]
pub(crate) struct Sealer {
    pub(crate) store: TrustedStore,
    pub(crate) key: ChainKey,
    pub(crate) clock: Clock,
}

impl Sealer {
    /// Seals all new entries.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn seal(self) -> Result<(), StoreError> {
        while self.store.seal_entries(&self.key, BATCH).await? == usize::from(BATCH) {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Removes all entries older than the retention.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn expire(self, retention: TimeDelta) -> Result<(), StoreError> {
        loop {
            let (began, before) = (Instant::now(), self.clock.now() - retention);
            if self.store.expire_entries(&self.key, before, BATCH).await? < usize::from(BATCH) {
                return Ok(());
            }
            tokio::time::sleep(began.elapsed().max(SHORTEST_PAUSE)).await;
        }
    }
}
