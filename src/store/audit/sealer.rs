//! Background task that seals new audit entries and removes expired ones. It runs on every replica; an
//! advisory lock lets one work at a time.

use std::time::Duration;

use chrono::TimeDelta;

use crate::domain::Clock;
use crate::store::{ChainKey, StoreError, TrustedStore};

/// Number of entries sealed or removed in one transaction.
const BATCH: u16 = 256;

/// Sealing task.
pub(crate) struct Sealer {
    pub(crate) store: TrustedStore,
    pub(crate) key: ChainKey,
    pub(crate) clock: Clock,
    /// How long entries are kept. Entries never expire when none.
    pub(crate) retention: Option<TimeDelta>,
    /// Pause between two rounds.
    pub(crate) pause: Duration,
}

impl Sealer {
    /// Runs until the task ends. While the database is not available, it logs one error and retries.
    pub(crate) async fn run(self) {
        let mut failing = false;
        loop {
            match self.round().await {
                Ok(()) => failing = false,
                Err(error) if !failing => {
                    log::error!("cannot seal the audit trail: {error}");
                    failing = true;
                }
                Err(_) => {}
            }
            tokio::time::sleep(self.pause).await;
        }
    }

    /// Seals new entries, then removes expired ones.
    async fn round(&self) -> Result<(), StoreError> {
        while self.store.seal_entries(&self.key, BATCH).await? == usize::from(BATCH) {
            tokio::task::yield_now().await;
        }
        let Some(retention) = self.retention else { return Ok(()) };
        let before = self.clock.now() - retention;
        while self.store.expire_entries(&self.key, before, BATCH).await? == usize::from(BATCH) {
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}
