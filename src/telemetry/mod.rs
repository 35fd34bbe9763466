//! Logs, metrics and traces.

pub mod logging;
pub(crate) mod metrics;
pub(crate) mod traces;
