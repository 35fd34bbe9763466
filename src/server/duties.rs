//! Background duties: work that the server repeats. Each runs on a task of its own, so that a duty that fails,
//! waits or panics delays no other.

use std::fmt::Display;
use std::pin::Pin;
use std::time::{Duration, Instant};

use crate::domain::Clock;
use crate::store::TrustedStore;
use crate::telemetry::metrics::DutyMetrics;

/// Shortest time between two records of a duty's runs in the database, while its results stay the same.
const RECORD_PAUSE: Duration = Duration::from_secs(60);

/// One run of a duty.
type Run = Pin<Box<dyn Future<Output = Result<(), String>>>>;

/// Work that is repeated.
pub(super) struct Duty {
    /// Label in the log and in the metrics.
    name: &'static str,
    /// Pause between two runs.
    pause: Duration,
    run: Box<dyn Fn() -> Run>,
}

impl Duty {
    /// A duty that `run` does once, with a pause between two runs.
    pub(super) fn new<F, E>(name: &'static str, pause: Duration, run: impl Fn() -> F + 'static) -> Self
    where
        F: Future<Output = Result<(), E>> + 'static,
        E: Display,
    {
        let run = move || -> Run {
            let run = run();
            Box::pin(async move { run.await.map_err(|error| error.to_string()) })
        };
        Self { name, pause, run: Box::new(run) }
    }

    /// Starts to repeat the duty.
    pub(super) fn start(self, store: &TrustedStore, metrics: &DutyMetrics, clock: &Clock) {
        let mut report = DutyReport::new(self.name, metrics.clone(), clock.clone());
        let mut record = DutyRecord { store: store.clone(), name: self.name, last: None };
        actix_web::rt::spawn(async move {
            loop {
                // A task of its own for each run: a panic ends the run and not the duty.
                let run = actix_web::rt::spawn((self.run)());
                let result = run.await.unwrap_or_else(|panic| Err(panic.to_string()));
                report.take(&result);
                record.take(result).await;
                tokio::time::sleep(self.pause).await;
            }
        });
    }
}

/// Record of a duty's runs in the database, for `jobs list`. It is written when the result changes, and else once a
/// minute: a duty can run each second.
struct DutyRecord {
    store: TrustedStore,
    name: &'static str,
    /// Time of the last record, and whether the duty had succeeded.
    last: Option<(Instant, bool)>,
}

impl DutyRecord {
    async fn take(&mut self, result: Result<(), String>) {
        let is_ok = result.is_ok();
        let is_known = |(at, was_ok): (Instant, bool)| was_ok == is_ok && at.elapsed() < RECORD_PAUSE;
        if self.last.is_some_and(is_known) {
            return;
        }
        match self.store.record_duty(self.name, result).await {
            Ok(()) => self.last = Some((Instant::now(), is_ok)),
            Err(error) => log::debug!("the run of {} is not recorded: {error}", self.name),
        }
    }
}

/// Log and metrics of a duty.
pub(super) struct DutyReport {
    name: &'static str,
    metrics: DutyMetrics,
    clock: Clock,
    is_failing: bool,
}

impl DutyReport {
    /// Begins the report of a duty. Its series exist from now on.
    pub(super) fn new(name: &'static str, metrics: DutyMetrics, clock: Clock) -> Self {
        metrics.failures.with_label_values(&[name]);
        metrics.last_success.with_label_values(&[name]);
        Self { name, metrics, clock, is_failing: false }
    }

    /// Takes the result of a run. The first of several failures is logged.
    pub(super) fn take<E: Display>(&mut self, result: &Result<(), E>) {
        match result {
            Ok(()) => {
                let now = self.clock.now().timestamp();
                self.metrics.last_success.with_label_values(&[self.name]).set(now);
                if std::mem::take(&mut self.is_failing) {
                    log::info!("the background duty {} succeeds again", self.name);
                }
            }
            Err(error) => {
                self.metrics.failures.with_label_values(&[self.name]).inc();
                if !std::mem::replace(&mut self.is_failing, true) {
                    log::error!("the background duty {} failed: {error}", self.name);
                }
            }
        }
    }
}
