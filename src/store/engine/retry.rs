//! Retry with back-off, and the state that a worker thread shares with the request that waits for it.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use crate::store::StoreError;

/// Initial retry back-off. It grows by this much with each retry.
const BACK_OFF: Duration = Duration::from_millis(5);

/// Upper bound of the back-off, as a multiple of [`BACK_OFF`].
const MAX_BACK_OFF: u32 = 10;

const WORKING: u8 = 0;
const COMMITTING: u8 = 1;
const CANCELLED: u8 = 2;

/// Commit state of a transaction: working, committing or cancelled.
///
/// A transaction whose request was answered with 503 must not commit afterwards. A transaction that is
/// committing can no longer be cancelled.
#[derive(Debug, Default)]
pub(in crate::store) struct CommitState(AtomicU8);

impl CommitState {
    /// Begins the commit. Returns false when the transaction is cancelled.
    pub(in crate::store) fn begin_commit(&self) -> bool {
        self.change(WORKING, COMMITTING)
    }

    /// Goes back to work for a retry. Returns false when the transaction is cancelled.
    pub(in crate::store) fn begin_retry(&self) -> bool {
        let _ = self.change(COMMITTING, WORKING);
        self.0.load(Ordering::Acquire) == WORKING
    }

    /// Cancels the transaction. Returns false when it is committing: then the result is uncertain.
    pub(in crate::store) fn cancel(&self) -> bool {
        self.change(WORKING, CANCELLED)
    }

    fn change(&self, from: u8, to: u8) -> bool {
        self.0.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// Runs `attempt`, and runs it again while its error is transient, the deadline has not passed and the
/// request still waits. Blocks the thread during the back-off.
pub(in crate::store) fn retry<T>(
    deadline: Instant,
    state: &CommitState,
    attempt: impl Fn() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut tries = 1;
    loop {
        match attempt() {
            Err(error) if error.is_transient() && Instant::now() < deadline && state.begin_retry() => {
                log::debug!("retrying a transaction: {error}");
                std::thread::sleep(BACK_OFF * tries);
                tries = (tries + 1).min(MAX_BACK_OFF);
            }
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancelled_transaction_does_not_commit() {
        let state = CommitState::default();
        assert!(state.cancel() && !state.begin_commit() && !state.begin_retry());
    }

    #[test]
    fn a_committing_transaction_cannot_be_cancelled() {
        let state = CommitState::default();
        assert!(state.begin_commit() && !state.cancel());
        assert!(state.begin_retry() && state.cancel() && !state.begin_retry());
    }
}
