//! The flag of a server that was told to stop.

use std::sync::atomic::{AtomicBool, Ordering};

/// Set when the server was told to stop; it answers only until its grace period ends.
#[derive(Default)]
pub(crate) struct ShutdownFlag(AtomicBool);

impl ShutdownFlag {
    /// Sets the flag: the server is not ready any more.
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// True when the server was told to stop.
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
