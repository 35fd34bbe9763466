//! Jobs of the application on this replica: each on a task of its own, so that a job that fails, waits or panics
//! delays no other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::app::jobs::{DeclaredJob, JobRunner, Ran, Trigger};
use crate::app::{App, Loaded};
use crate::domain::{Clock, ClockAndRandom};
use crate::http::Services;
use crate::store::{StoreError, TrustedStore};
use crate::telemetry::metrics::JobMetrics;

/// Pause between two looks whether a job is due. A change on this replica is looked at without a pause.
const POLL: Duration = Duration::from_secs(1);

/// Shortest pause between two looks because of changes.
const SHORTEST_PAUSE: Duration = Duration::from_millis(20);

/// Interval of the gauges that come from the database.
const GAUGES: Duration = Duration::from_secs(10);

/// Longest wait for the present runs when the server stops.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// Jobs that this replica runs.
#[derive(Clone)]
pub(super) struct Jobs(JobRunner);

/// One job, and what is reported of it.
struct Worker {
    job: DeclaredJob,
    runner: JobRunner,
    store: TrustedStore,
    clock: Clock,
    metrics: JobMetrics,
    is_failing: bool,
}

impl Jobs {
    /// Starts the jobs of an application, and those of cloakroom itself.
    pub(super) fn start(app: &App, own: &[DeclaredJob], settings: &Loaded, services: &Services) -> Self {
        let clock_and_random =
            ClockAndRandom { clock: services.clock.clone(), random: services.random.clone() };
        let (store, vocabulary) = (services.trusted.clone(), Arc::clone(&services.vocabulary));
        let runner = JobRunner::new(
            store,
            vocabulary,
            clock_and_random,
            Arc::clone(&settings.own),
            Arc::clone(&app.states),
        );
        for job in app.jobs.iter().chain(own) {
            let worker = Worker {
                job: job.clone(),
                runner: runner.clone(),
                store: services.trusted.clone(),
                clock: services.clock.clone(),
                metrics: services.metrics.jobs.clone(),
                is_failing: false,
            };
            actix_web::rt::spawn(worker.work());
        }
        Self(runner)
    }

    /// Ends the jobs of this replica. Another replica continues.
    pub(super) async fn stop(self) {
        self.0.stop(STOP_PATIENCE).await;
    }
}

impl Worker {
    fn name(&self) -> &'static str {
        self.job.system.name()
    }

    async fn work(mut self) {
        let mut changes = self.store.changes();
        let reacts = matches!(self.job.trigger, Trigger::After(_));
        let mut measured = None::<Instant>;
        self.begin_series();
        loop {
            let ran = self.runner.run_when_due(&self.job).await;
            let has_run = matches!(ran, Ok(Some(_)));
            self.report(ran);
            if has_run || measured.is_none_or(|at| at.elapsed() >= GAUGES) {
                measured = Some(Instant::now());
                if let Err(error) = self.measure().await {
                    log::debug!("the metrics of the job {} are old: {error}", self.name());
                }
            }
            tokio::time::sleep(SHORTEST_PAUSE).await;
            let changed =
                async { if reacts { changes.changed().await.is_ok() } else { std::future::pending().await } };
            let _ = tokio::time::timeout(POLL - SHORTEST_PAUSE, changed).await;
        }
    }

    /// Creates the series, so that an alert can tell "never" from "not there".
    fn begin_series(&self) {
        let (metrics, name) = (&self.metrics, [self.name()]);
        for counter in [&metrics.runs, &metrics.failures] {
            counter.with_label_values(&name);
        }
        let interval = match &self.job.trigger {
            Trigger::Every(every, _) => i64::try_from(every.as_secs()).unwrap_or(i64::MAX),
            Trigger::After(_) => {
                metrics.given_up.with_label_values(&name);
                0
            }
        };
        metrics.interval.with_label_values(&name).set(interval);
        metrics.last_success.with_label_values(&name);
    }

    /// Counts a run. The first of several failures is logged.
    fn report(&mut self, ran: Result<Option<Ran>, StoreError>) {
        let name = self.name();
        let result = match ran {
            Ok(None) => return,
            Ok(Some(ran)) => {
                self.metrics.runs.with_label_values(&[name]).inc();
                if ran.given_up > 0 {
                    log::error!("the job {name} gave up {} changes; see jobs list", ran.given_up);
                    self.metrics.given_up.with_label_values(&[name]).inc_by(ran.given_up);
                }
                ran.result
            }
            Err(error) => Err(error.to_string()),
        };
        match result {
            Ok(()) if std::mem::take(&mut self.is_failing) => log::info!("the job {name} succeeds again"),
            Ok(()) => {}
            Err(error) => {
                self.metrics.failures.with_label_values(&[name]).inc();
                if !std::mem::replace(&mut self.is_failing, true) {
                    log::error!("the job {name} failed: {error}");
                }
            }
        }
    }

    /// Sets the gauges from the database, which has the runs of every replica.
    async fn measure(&self) -> Result<(), StoreError> {
        let name = self.name();
        if let Some(at) = self.store.job(name).await?.and_then(|state| state.succeeded_at) {
            self.metrics.last_success.with_label_values(&[name]).set(at.0.timestamp());
        }
        if let Trigger::After(_) = self.job.trigger {
            let oldest = self.store.oldest_message(name).await?;
            let age = oldest.map_or(0, |at| (self.clock.now() - at).num_seconds());
            self.metrics.outbox_age.with_label_values(&[name]).set(age);
            let waiting = self.store.backlog(name).await?.waiting;
            self.metrics.outbox_waiting.with_label_values(&[name]).set(waiting);
        }
        Ok(())
    }
}
