//! Detection of a disk that hangs below SQLite. Such a disk returns no error: it keeps each thread that waits for it.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Duration of a read of a few rows, or of a group of changes, from which on the disk counts as hanging.
const STALLED: Duration = Duration::from_millis(100);

/// Time from which on durations are counted.
static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Work that waits for the disk. It keeps the time of one piece of work: whatever hangs, the next piece hangs too.
#[derive(Default)]
pub(in crate::store) struct Underway(AtomicU64);

/// Mark of work that is under way, until it is dropped.
pub(in crate::store) struct Mark<'a>(&'a Underway);

impl Underway {
    /// Marks work as under way, unless other work is marked.
    pub(in crate::store) fn begin(&self) -> Option<Mark<'_>> {
        let marked = self.0.compare_exchange(0, now(), Ordering::Relaxed, Ordering::Relaxed);
        marked.is_ok().then_some(Mark(self))
    }

    /// Returns true when the marked work takes so long that its disk counts as hanging.
    pub(in crate::store) fn is_stalled(&self) -> bool {
        let since = self.0.load(Ordering::Relaxed);
        since != 0 && u128::from(now().saturating_sub(since)) >= STALLED.as_millis()
    }
}

impl Drop for Mark<'_> {
    fn drop(&mut self) {
        self.0.0.store(0, Ordering::Relaxed);
    }
}

/// Returns the milliseconds since the beginning, and at least one: zero is no time.
fn now() -> u64 {
    u64::try_from(BEGINNING.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
}
