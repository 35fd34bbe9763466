//! Background duties that delete rows: those that have expired, those that a tombstone covers, and counters above
//! their number.

use std::time::{Duration, Instant};

use crate::store::{EXPIRING, Expiring, StoreError, TrustedStore};
use crate::telemetry::metrics::DutyMetrics;

/// Shortest pause between two batches. The pause is as long as the batch took, so that requests have the
/// database for half of the time at least.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);

/// Deletes the expired rows of all tables, a batch of each table in turn, until no batch is full. A table that
/// fails does not hold the others.
///
/// # Errors
/// The names of the tables that failed, with the reasons.
pub(super) async fn delete_expired(store: TrustedStore, metrics: DutyMetrics) -> Result<(), String> {
    let mut failed = Vec::new();
    let mut tables: Vec<&'static Expiring> = EXPIRING.iter().collect();
    while !tables.is_empty() {
        let mut unfinished = Vec::new();
        for table in tables {
            let began = Instant::now();
            match batch(&store, table, &metrics).await {
                Ok(true) => unfinished.push(table),
                Ok(false) => continue,
                Err(error) => failed.push(format!("{}: {error}", table.table)),
            }
            tokio::time::sleep(began.elapsed().max(SHORTEST_PAUSE)).await;
        }
        tables = unfinished;
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
}

/// Deletes a batch of a table. Returns true when more may be left.
async fn batch(
    store: &TrustedStore,
    table: &'static Expiring,
    metrics: &DutyMetrics,
) -> Result<bool, StoreError> {
    let age = metrics.expired_age.with_label_values(&[table.table]);
    let Some(oldest) = store.oldest_expired(table).await? else {
        age.set(0);
        return Ok(false);
    };
    age.set(oldest.num_seconds());
    store.delete_expired(table).await
}

/// Deletes the rows that tombstones cover, and the tombstones, in batches.
///
/// # Errors
/// When the database is not available.
pub(super) async fn delete_covered(store: TrustedStore) -> Result<(), StoreError> {
    loop {
        let began = Instant::now();
        if !store.delete_covered().await? {
            return Ok(());
        }
        tokio::time::sleep(began.elapsed().max(SHORTEST_PAUSE)).await;
    }
}

/// Deletes the oldest counters of failures beyond the number that is kept, in batches.
///
/// # Errors
/// When the database is not available.
pub(super) async fn evict_counters(store: TrustedStore) -> Result<(), StoreError> {
    let Some(until) = store.first_evicted_counter().await? else { return Ok(()) };
    loop {
        let began = Instant::now();
        if !store.evict_counters(until).await? {
            return Ok(());
        }
        tokio::time::sleep(began.elapsed().max(SHORTEST_PAUSE)).await;
    }
}
