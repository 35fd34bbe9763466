//! What is counted while the server serves, under the names by which Prometheus reads it
//! (<https://prometheus.io/docs/practices/naming/>).

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;

use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

/// Seconds: from what a refusal takes to what a login does on a busy machine.
const DURATIONS: [f64; 12] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];

/// The media type of [`Metrics::text`].
pub(crate) const METRICS_TYPE: &str = prometheus::TEXT_FORMAT;

/// All that is counted. Each family is documented by its help text and in `docs/operating.md`.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    durations: HistogramVec,
    in_flight: IntGauge,
    /// Decisions, by `outcome`: `allowed`, or the code of the problem.
    decisions: IntCounterVec,
    /// Those that allowed, as most do: looked up once.
    allowed: OnceLock<IntCounter>,
    /// Access tokens that were not acceptable, by `reason`.
    pub(crate) tokens_refused: IntCounterVec,
    /// Access tokens issued, by `grant_type`; a login at `POST /sessions` is `password`.
    pub(crate) tokens_issued: IntCounterVec,
    state: Mutex<State>,
}

/// What the parts of the server know of themselves, read off them when somebody asks.
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

/// Registers what it makes, so that nothing is counted and not told.
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
}

impl Metrics {
    /// Nothing counted yet.
    ///
    /// # Errors
    /// When two families have one name.
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
                    "From the head of a request to its answer.",
                )
                .buckets(DURATIONS.to_vec()),
                &["method", "route"],
            ))?,
            in_flight: register
                .gauge("cloakroom_http_requests_in_flight", "Requests that are being answered.")?,
            decisions: register.counter(
                "cloakroom_decisions_total",
                "Decisions, by outcome: allowed, or the code of the problem.",
                &["outcome"],
            )?,
            allowed: OnceLock::new(),
            tokens_refused: register.counter(
                "cloakroom_tokens_refused_total",
                "Access tokens that were not acceptable, by reason.",
                &["reason"],
            )?,
            tokens_issued: register.counter(
                "cloakroom_tokens_issued_total",
                "Access tokens issued, by grant; a login at POST /sessions is password.",
                &["grant_type"],
            )?,
            state: Mutex::new(State::new(&register)?),
            registry: register.0,
        })
    }

    /// Counts a decision: that it allowed, or the code of the problem.
    pub(crate) fn decided(&self, refused: Option<&str>) {
        let counter = |outcome| self.decisions.with_label_values(&[outcome]);
        match refused {
            None => self.allowed.get_or_init(|| counter("allowed")).inc(),
            Some(code) => counter(code).inc(),
        }
    }

    /// What counts the requests of a route.
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

    /// All of it in Prometheus's text format, once `read` has set what is read off the parts; none
    /// when it cannot be written.
    pub(crate) fn text(&self, read: impl FnOnce(&State)) -> Option<String> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        read(&state);
        TextEncoder::new().encode_to_string(&self.registry.gather()).ok()
    }
}

impl State {
    fn new(register: &Register) -> prometheus::Result<Self> {
        Ok(Self {
            connections: register.keep(IntGaugeVec::new(
                Opts::new("cloakroom_database_connections", "Open connections to the database, by state."),
                &["state"],
            ))?,
            connections_max: register
                .gauge("cloakroom_database_connections_max", "The most connections that are opened.")?,
            hash_lanes: register
                .gauge("cloakroom_hash_lanes", "Passwords that can be hashed at the same time.")?,
            hash_running: register.gauge("cloakroom_hash_running", "Passwords that are being hashed.")?,
            hash_waiting: register.gauge("cloakroom_hash_waiting", "Passwords that wait for a lane.")?,
            audit_waiting: register
                .gauge("cloakroom_audit_waiting", "Lines of the audit trail that wait to be written.")?,
            cached_tokens: register
                .gauge("cloakroom_token_cache_entries", "Verified tokens that are remembered.")?,
            cache_lookups: register.counter(
                "cloakroom_token_cache_lookups_total",
                "Access tokens looked up among the remembered ones, by result.",
                &["result"],
            )?,
            hash_turned_away: register.keep(IntCounter::new(
                "cloakroom_hash_turned_away_total",
                "Passwords that were not hashed because too many waited.",
            ))?,
            audit_counted: register.keep(IntCounter::new(
                "cloakroom_audit_counted_total",
                "Events of the audit trail that were counted and not written line by line.",
            ))?,
        })
    }

    /// How many tokens were found among the remembered ones, and how many not.
    pub(crate) fn set_cache_lookups(&self, hits: u64, misses: u64) {
        set(&self.cache_lookups.with_label_values(&["hit"]), hits);
        set(&self.cache_lookups.with_label_values(&["miss"]), misses);
    }

    /// How many passwords were turned away.
    pub(crate) fn set_hash_turned_away(&self, count: u64) {
        set(&self.hash_turned_away, count);
    }

    /// How many events were counted only.
    pub(crate) fn set_audit_counted(&self, count: u64) {
        set(&self.audit_counted, count);
    }
}

/// Nobody reads in between: whoever reads it holds the lock.
fn set(counter: &IntCounter, total: u64) {
    counter.reset();
    counter.inc_by(total);
}

/// Counts the requests of one route.
pub(crate) struct Meter {
    requests: IntCounterVec,
    /// Those that were answered 200, as most are: looked up once.
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

/// A request under way. One that nobody waits for any more is in flight no more, and not counted.
pub(crate) struct Measured<'a> {
    meter: &'a Meter,
    began: Instant,
}

impl Measured<'_> {
    /// Counts it with its answer.
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
