//! Background duties: work that the server repeats. Each runs on a task of its own, so that a duty that fails,
//! waits or panics delays no other.

use std::fmt::Display;
use std::pin::Pin;
use std::time::Duration;

use crate::domain::Clock;
use crate::telemetry::metrics::DutyMetrics;

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
    pub(super) fn start(self, metrics: &DutyMetrics, clock: &Clock) {
        let mut report = DutyReport::new(self.name, metrics.clone(), clock.clone());
        actix_web::rt::spawn(async move {
            loop {
                // A task of its own for each run: a panic ends the run and not the duty.
                let run = actix_web::rt::spawn((self.run)());
                report.take(&run.await.unwrap_or_else(|panic| Err(panic.to_string())));
                tokio::time::sleep(self.pause).await;
            }
        });
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
