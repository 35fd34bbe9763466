//! Waiting for other threads, replicas and processes.

use std::time::{Duration, Instant};

/// Time-out for every wait; long enough for the slowest machine.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Waits until the condition is true.
#[track_caller]
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "timed out: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
