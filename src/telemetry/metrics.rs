//! Metrics for Prometheus, named after its conventions
//! (<https://prometheus.io/docs/practices/naming/>).

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;

use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

/// Histogram buckets, in seconds: from a refusal to a login on a busy machine.
const DURATIONS: [f64; 12] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];

/// Media type of [`Metrics::text`].
pub(crate) const METRICS_TYPE: &str = prometheus::TEXT_FORMAT;

/// Metrics of the server. The help texts and `docs/operating.md` document each family.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    durations: HistogramVec,
    in_flight: IntGauge,
    /// Authorization decisions, by `outcome`: `allowed`, or the code of the problem.
    decisions: IntCounterVec,
    /// The counter of `allowed`, cached because most decisions increment it.
    allowed: OnceLock<IntCounter>,
    /// Refused access tokens, by `reason`.
    pub(crate) tokens_refused: IntCounterVec,
    /// Issued access tokens, by `grant_type`; a login at `POST /sessions` is `password`.
    pub(crate) tokens_issued: IntCounterVec,
    /// Connections that the server closed against their clients, by `reason`.
    pub(crate) connections_closed: IntCounterVec,
    /// The background duties.
    pub(crate) duties: DutyMetrics,
    /// The jobs of the application.
    pub(crate) jobs: JobMetrics,
    pub(crate) mails: MailMetrics,
    state: Mutex<State>,
}

/// Metrics of the background duties. A clone counts into the same series.
#[derive(Clone)]
pub(crate) struct DutyMetrics {
    /// Time of the last success, by `duty`, in seconds since 1970.
    pub(crate) last_success: IntGaugeVec,
    /// Failed runs, by `duty`.
    pub(crate) failures: IntCounterVec,
    /// For how long the oldest expired row should have been deleted, by `table`, in seconds.
    pub(crate) expired_age: IntGaugeVec,
}

impl DutyMetrics {
    fn new(register: &Register) -> prometheus::Result<Self> {
        Ok(Self {
            last_success: register.gauges(
                "cloakroom_duty_last_success_timestamp_seconds",
                "Time of the last success of a background duty.",
                &["duty"],
            )?,
            failures: register.counter(
                "cloakroom_duty_failures_total",
                "Failed runs of a background duty.",
                &["duty"],
            )?,
            expired_age: register.gauges(
                "cloakroom_expired_rows_age_seconds",
                "Time for which the oldest expired row of a table has waited to be deleted.",
                &["table"],
            )?,
        })
    }
}

/// Metrics of the jobs of an application, by `name`. A clone counts into the same series.
#[derive(Clone)]
pub(crate) struct JobMetrics {
    /// Time of the last success on any replica, in seconds since 1970.
    pub(crate) last_success: IntGaugeVec,
    /// Interval of the runs, in seconds; 0 for a reaction to changes.
    pub(crate) interval: IntGaugeVec,
    /// Runs of this replica.
    pub(crate) runs: IntCounterVec,
    /// Failed runs of this replica.
    pub(crate) failures: IntCounterVec,
    /// For how long the oldest change waits for its reaction, in seconds.
    pub(crate) outbox_age: IntGaugeVec,
    /// Number of changes that wait for their reaction.
    pub(crate) outbox_waiting: IntGaugeVec,
    /// Changes that this replica gave up.
    pub(crate) given_up: IntCounterVec,
}

impl JobMetrics {
    fn new(register: &Register) -> prometheus::Result<Self> {
        let name = &["name"];
        Ok(Self {
            last_success: register.gauges(
                "cloakroom_job_last_success_timestamp_seconds",
                "Time of the last success of a job on any replica.",
                name,
            )?,
            interval: register.gauges(
                "cloakroom_job_interval_seconds",
                "Interval of the runs of a job; 0 for a reaction to changes.",
                name,
            )?,
            runs: register.counter("cloakroom_job_runs_total", "Runs of a job on this replica.", name)?,
            failures: register.counter(
                "cloakroom_job_failures_total",
                "Failed runs of a job on this replica.",
                name,
            )?,
            outbox_age: register.gauges(
                "cloakroom_outbox_age_seconds",
                "Time for which the oldest change has waited for the reaction of a job.",
                name,
            )?,
            outbox_waiting: register.gauges(
                "cloakroom_outbox_waiting",
                "Changes that wait for the reaction of a job.",
                name,
            )?,
            given_up: register.counter(
                "cloakroom_outbox_given_up_total",
                "Changes whose reaction this replica gave up.",
                name,
            )?,
        })
    }
}

/// Metrics of the mails that this replica sends. A clone counts into the same series.
#[derive(Clone)]
pub(crate) struct MailMetrics {
    /// Mails that the mail server took.
    pub(crate) sent: IntCounter,
    /// Attempts that failed.
    pub(crate) failed: IntCounter,
    /// Mails that were not sent: expired, to no account, or above a limit.
    pub(crate) dropped: IntCounter,
}

impl MailMetrics {
    fn new(register: &Register) -> prometheus::Result<Self> {
        let mails = register.counter("cloakroom_mails_total", "Mails by their result.", &["result"])?;
        let [sent, failed, dropped] =
            ["sent", "failed", "dropped"].map(|result| mails.with_label_values(&[result]));
        Ok(Self { sent, failed, dropped })
    }
}

/// Metrics that are read from the parts of the server at each scrape.
pub(crate) struct State {
    pub(crate) connections: IntGaugeVec,
    pub(crate) connections_max: IntGauge,
    pub(crate) hash_lanes: IntGauge,
    pub(crate) hash_running: IntGauge,
    pub(crate) hash_waiting: IntGauge,
    pub(crate) audit_waiting: IntGauge,
    pub(crate) cached_tokens: IntGauge,
    cache_lookups: IntCounterVec,
    hash_turned_away: IntCounter,
    audit_counted: IntCounter,
}

/// Registry that registers each metric it creates, so that none is forgotten.
struct Register(Registry);

impl Register {
    fn keep<C: Collector + Clone + 'static>(
        &self,
        collector: prometheus::Result<C>,
    ) -> prometheus::Result<C> {
        let collector = collector?;
        self.0.register(Box::new(collector.clone()))?;
        Ok(collector)
    }

    fn counter(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
        self.keep(IntCounterVec::new(Opts::new(name, help), labels))
    }

    fn gauge(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        self.keep(IntGauge::new(name, help))
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
        self.keep(IntGaugeVec::new(Opts::new(name, help), labels))
    }
}

impl Metrics {
    /// Creates and registers all metrics.
    ///
    /// # Errors
    /// When two families have the same name.
    pub(crate) fn new(engine: &str) -> prometheus::Result<Self> {
        let register = Register(Registry::new());
        let build =
            Opts::new("cloakroom_build_info", "The running version and its database engine; always 1.")
                .const_label("version", env!("CARGO_PKG_VERSION"))
                .const_label("engine", engine);
        register.keep(IntGauge::with_opts(build))?.set(1);
        #[cfg(target_os = "linux")]
        register.0.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        Ok(Self {
            requests: register.counter(
                "cloakroom_http_requests_total",
                "Requests answered.",
                &["method", "route", "status"],
            )?,
            durations: register.keep(HistogramVec::new(
                HistogramOpts::new(
                    "cloakroom_http_request_duration_seconds",
                    "Time from the head of a request to its answer.",
                )
                .buckets(DURATIONS.to_vec()),
                &["method", "route"],
            ))?,
            in_flight: register.gauge("cloakroom_http_requests_in_flight", "Requests in progress.")?,
            decisions: register.counter(
                "cloakroom_decisions_total",
                "Authorization decisions, by outcome: allowed, or the code of the problem.",
                &["outcome"],
            )?,
            allowed: OnceLock::new(),
            tokens_refused: register.counter(
                "cloakroom_tokens_refused_total",
                "Refused access tokens, by reason.",
                &["reason"],
            )?,
            tokens_issued: register.counter(
                "cloakroom_tokens_issued_total",
                "Issued access tokens, by grant type; a login at POST /sessions is password.",
                &["grant_type"],
            )?,
            connections_closed: register.counter(
                "cloakroom_http_connections_closed_total",
                "Connections closed by the server: address-limit, write-timeout or head-timeout.",
                &["reason"],
            )?,
            duties: DutyMetrics::new(&register)?,
            jobs: JobMetrics::new(&register)?,
            mails: MailMetrics::new(&register)?,
            state: Mutex::new(State::new(&register)?),
            registry: register.0,
        })
    }

    /// Counts a decision: allowed when `refused` is None, otherwise the code of the problem.
    pub(crate) fn decided(&self, refused: Option<&str>) {
        let counter = |outcome| self.decisions.with_label_values(&[outcome]);
        match refused {
            None => self.allowed.get_or_init(|| counter("allowed")).inc(),
            Some(code) => counter(code).inc(),
        }
    }

    /// Returns the meter of a route.
    pub(crate) fn meter(&self, method: &str, route: &str) -> Meter {
        Meter {
            requests: self.requests.clone(),
            succeeded: OnceLock::new(),
            duration: self.durations.with_label_values(&[method, route]),
            in_flight: self.in_flight.clone(),
            method: method.into(),
            route: route.into(),
        }
    }

    /// Returns all metrics in Prometheus's text format, after `read` has set those of the parts. None when they
    /// cannot be encoded.
    pub(crate) fn text(&self, read: impl FnOnce(&State)) -> Option<String> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        read(&state);
        TextEncoder::new().encode_to_string(&self.registry.gather()).ok()
    }
}

impl State {
    fn new(register: &Register) -> prometheus::Result<Self> {
        Ok(Self {
            connections: register.gauges(
                "cloakroom_database_connections",
                "Open connections to the database, by state.",
                &["state"],
            )?,
            connections_max: register
                .gauge("cloakroom_database_connections_max", "Maximum number of connections.")?,
            hash_lanes: register.gauge("cloakroom_hash_lanes", "Threads that hash passwords.")?,
            hash_running: register.gauge("cloakroom_hash_running", "Password hashes in progress.")?,
            hash_waiting: register
                .gauge("cloakroom_hash_waiting", "Password hashes that wait for a thread.")?,
            audit_waiting: register
                .gauge("cloakroom_audit_waiting", "Audit entries that wait to be written.")?,
            cached_tokens: register
                .gauge("cloakroom_token_cache_entries", "Verified tokens in the cache.")?,
            cache_lookups: register.counter(
                "cloakroom_token_cache_lookups_total",
                "Lookups in the cache of verified tokens, by result.",
                &["result"],
            )?,
            hash_turned_away: register.keep(IntCounter::new(
                "cloakroom_hash_turned_away_total",
                "Password hashes refused because the queue was full.",
            ))?,
            audit_counted: register.keep(IntCounter::new(
                "cloakroom_audit_counted_total",
                "Audit events that were counted only and have no entry of their own.",
            ))?,
        })
    }

    /// Sets the numbers of hits and misses of the token cache.
    pub(crate) fn set_cache_lookups(&self, hits: u64, misses: u64) {
        set(&self.cache_lookups.with_label_values(&["hit"]), hits);
        set(&self.cache_lookups.with_label_values(&["miss"]), misses);
    }

    /// Sets the number of refused password hashes.
    pub(crate) fn set_hash_turned_away(&self, count: u64) {
        set(&self.hash_turned_away, count);
    }

    /// Sets the number of audit events that were counted only.
    pub(crate) fn set_audit_counted(&self, count: u64) {
        set(&self.audit_counted, count);
    }
}

/// Sets a counter. The lock of the state keeps a reader from seeing the reset.
fn set(counter: &IntCounter, total: u64) {
    counter.reset();
    counter.inc_by(total);
}

/// Meter of one route.
pub(crate) struct Meter {
    requests: IntCounterVec,
    /// The counter of status 200, cached because most answers increment it.
    succeeded: OnceLock<IntCounter>,
    duration: Histogram,
    in_flight: IntGauge,
    method: Box<str>,
    route: Box<str>,
}

impl Meter {
    /// Begins a request.
    pub(crate) fn begin(&self) -> Measured<'_> {
        self.in_flight.inc();
        Measured { meter: self, began: Instant::now() }
    }
}

/// Request in progress. A request that the client aborts is not counted.
pub(crate) struct Measured<'a> {
    meter: &'a Meter,
    began: Instant,
}

impl Measured<'_> {
    /// Counts the request with the status of its answer.
    pub(crate) fn answered(self, status: &str) {
        let Meter { requests, succeeded, duration, method, route, .. } = self.meter;
        duration.observe(self.began.elapsed().as_secs_f64());
        let counter = || requests.with_label_values(&[&**method, &**route, status]);
        match status {
            "200" => succeeded.get_or_init(counter).inc(),
            _ => counter().inc(),
        }
    }
}

impl Drop for Measured<'_> {
    fn drop(&mut self) {
        self.meter.in_flight.dec();
    }
}
