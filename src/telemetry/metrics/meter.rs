//! Meters of the requests of each route.

use std::sync::OnceLock;
use std::time::Instant;

use prometheus::{Histogram, IntCounter, IntCounterVec, IntGauge};

/// Meter of one route.
pub(crate) struct Meter {
    pub(super) requests: IntCounterVec,
    /// The counter of status 200, cached because most answers increment it.
    pub(super) succeeded: OnceLock<IntCounter>,
    pub(super) duration: Histogram,
    pub(super) in_flight: IntGauge,
    pub(super) method: Box<str>,
    pub(super) route: Box<str>,
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
