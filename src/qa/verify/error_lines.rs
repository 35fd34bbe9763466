//! The error lines of a server in this process, for the report of a walk: a 500 says only that the log has the cause.

use std::sync::{Mutex, PoisonError};

use log::{Level, Log, Metadata, Record};

/// Most lines that are kept.
const MOST: usize = 20;

static COLLECTOR: Collector = Collector(Mutex::new(Vec::new()));

struct Collector(Mutex<Vec<String>>);

impl Log for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Error
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == MOST {
            lines.remove(0);
        }
        lines.push(record.args().to_string());
    }

    fn flush(&self) {}
}

/// Collects the lines from now on, unless the process has a logger of its own.
#[cfg(feature = "testing")]
pub(crate) fn collect() {
    if log::set_logger(&COLLECTOR).is_ok() {
        log::set_max_level(log::LevelFilter::Error);
    }
}

/// Returns the last line, and forgets all.
pub(super) fn take_last() -> Option<String> {
    std::mem::take(&mut *COLLECTOR.0.lock().unwrap_or_else(PoisonError::into_inner)).pop()
}
