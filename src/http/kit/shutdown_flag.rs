//! Flag of a server that is shutting down.

use std::sync::atomic::{AtomicBool, Ordering};

/// Flag of a server that is shutting down. It responds until its grace period ends.
#[derive(Default)]
pub(crate) struct ShutdownFlag(AtomicBool);

impl ShutdownFlag {
    /// Sets the flag: the server is no longer ready.
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// True when the server is shutting down.
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
