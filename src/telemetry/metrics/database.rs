//! Metrics of the database.

use prometheus::{Histogram, HistogramOpts, IntCounterVec};

use super::register::{DURATIONS, Register};

/// Metrics of the database. A clone counts into the same series.
#[derive(Clone)]
pub(crate) struct DatabaseMetrics {
    /// Time from a connection to the end of the work on it.
    pub(crate) work: Histogram,
    /// Wait for a place in the pool.
    pub(crate) wait: Histogram,
    /// Failed work, by `class`.
    pub(crate) errors: IntCounterVec,
}

impl DatabaseMetrics {
    pub(super) fn new(register: &Register) -> prometheus::Result<Self> {
        let histogram = |name: &str, help: &str| {
            let options = HistogramOpts::new(name, help).buckets(DURATIONS.to_vec());
            register.keep(Histogram::with_opts(options))
        };
        let errors = register.counter(
            "cloakroom_database_errors_total",
            "Failed work on the database, by class: unavailable, lost, rolled-back, uncertain or internal.",
            &["class"],
        )?;
        for class in ["unavailable", "lost", "rolled-back", "uncertain", "internal"] {
            errors.with_label_values(&[class]);
        }
        Ok(Self {
            work: histogram(
                "cloakroom_database_work_duration_seconds",
                "Time of a transaction, or of a read, on its connection.",
            )?,
            wait: histogram(
                "cloakroom_database_wait_duration_seconds",
                "Time that work waited for a connection of the pool.",
            )?,
            errors,
        })
    }
}
