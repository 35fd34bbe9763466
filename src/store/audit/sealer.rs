//! What seals the audit trail behind the writes, and removes what is older than it is kept: on every
//! replica, one at a time.

use std::time::Duration;

use chrono::TimeDelta;

use super::seal::ChainKey;
use crate::domain::Clock;
use crate::store::engine::error::StoreError;
use crate::store::trusted::TrustedStore;

/// How many lines are sealed, or removed, in one transaction.
const BATCH: u16 = 256;

/// The sealer.
pub(crate) struct Sealer {
    /// Where the trail is.
    pub(crate) store: TrustedStore,
    /// What seals are made with.
    pub(crate) key: ChainKey,
    /// The time.
    pub(crate) clock: Clock,
    /// How long lines are kept; for ever when none.
    pub(crate) retention: Option<TimeDelta>,
    /// The pause after a round that had nothing more to do.
    pub(crate) pause: Duration,
}

impl Sealer {
    /// Works until its task ends. While the database is away it says so once, and goes on when it is
    /// back.
    pub(crate) async fn run(self) {
        let mut away = false;
        loop {
            match self.round().await {
                Ok(()) => away = false,
                Err(error) if !away => {
                    log::error!("the audit trail cannot be sealed: {error}");
                    away = true;
                }
                Err(_) => {}
            }
            tokio::time::sleep(self.pause).await;
        }
    }

    /// Seals what is not sealed, then removes what is old.
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
