//! Metrics for Prometheus, named after its conventions
//! (<https://prometheus.io/docs/practices/naming/>).

mod background;
mod database;
mod meter;
mod register;
mod state;

use std::sync::{Mutex, OnceLock, PoisonError};

use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};

pub(crate) use background::{DutyMetrics, JobMetrics, MailMetrics};
pub(crate) use database::DatabaseMetrics;
pub(crate) use meter::Meter;
use register::{DURATIONS, Register};
pub(crate) use state::State;

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
    /// The database.
    pub(crate) database: DatabaseMetrics,
    /// The background duties.
    pub(crate) duties: DutyMetrics,
    /// The jobs of the application.
    pub(crate) jobs: JobMetrics,
    pub(crate) mails: MailMetrics,
    /// Time at which the TLS certificate expires, in seconds since 1970; 0 without TLS.
    pub(crate) certificate_expires: IntGauge,
    state: Mutex<State>,
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
            database: DatabaseMetrics::new(&register)?,
            duties: DutyMetrics::new(&register)?,
            jobs: JobMetrics::new(&register)?,
            mails: MailMetrics::new(&register)?,
            certificate_expires: register.gauge(
                "cloakroom_tls_certificate_expiry_timestamp_seconds",
                "Time at which the TLS certificate of the server expires; 0 when it serves no TLS.",
            )?,
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
