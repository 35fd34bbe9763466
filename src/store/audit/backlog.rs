//! Refusals that wait to be written into the audit trail.

use std::collections::VecDeque;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use super::budget::Budgets;
use crate::store::{Entry, StoreError};

/// How long a reader waits for the entries before its request.
const READER_TIMEOUT: Duration = Duration::from_secs(2);

/// Refusals that wait to be written, and the budgets of their callers.
#[derive(Default)]
pub(in crate::store) struct Backlog {
    state: Mutex<State>,
    /// Number of entries that were written or discarded.
    pub(super) settled: watch::Sender<u64>,
    /// Wakes the writing task.
    pub(super) work: Notify,
    /// Ends the pause of the writing task.
    pub(super) urgent: Notify,
    /// Number of dropped events since the start.
    pub(super) dropped: AtomicU64,
}

/// Content of a backlog.
#[derive(Default)]
pub(super) struct State {
    pub(super) waiting: VecDeque<Entry>,
    /// Number of entries that were queued since the start.
    pub(super) queued: u64,
    pub(super) budgets: Budgets,
}

impl Backlog {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until each entry that was queued before is written.
    ///
    /// # Errors
    /// When that takes too long.
    pub(super) async fn flush(&self) -> Result<(), StoreError> {
        let before = self.lock().queued;
        if *self.settled.borrow() >= before {
            return Ok(());
        }
        let mut settled = self.settled.subscribe();
        self.urgent.notify_one();
        let done = timeout(READER_TIMEOUT, settled.wait_for(|settled| *settled >= before)).await;
        let late = || StoreError::Unavailable("the audit trail cannot be written".to_owned());
        done.ok().and_then(Result::ok).map(drop).ok_or_else(late)
    }
}

impl State {
    pub(super) fn push(&mut self, entry: Entry) {
        self.waiting.push_back(entry);
        self.queued += 1;
    }
}
