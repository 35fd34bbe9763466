//! Metrics that are read at each scrape.

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use super::register::Register;

/// Metrics that are read from the parts of the server at each scrape.
pub(crate) struct State {
    pub(crate) connections: IntGaugeVec,
    pub(crate) connections_max: IntGauge,
    pub(crate) hash_lanes: IntGauge,
    pub(crate) hash_running: IntGauge,
    pub(crate) hash_waiting: IntGauge,
    pub(crate) audit_waiting: IntGauge,
    pub(crate) cached_tokens: IntGauge,
    /// Time of creation of the key that signs, in seconds since 1970; 0 without one.
    pub(crate) signing_key_created: IntGauge,
    cache_lookups: IntCounterVec,
    hash_turned_away: IntCounter,
    audit_counted: IntCounter,
}

impl State {
    pub(super) fn new(register: &Register) -> prometheus::Result<Self> {
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
            signing_key_created: register.gauge(
                "cloakroom_signing_key_created_timestamp_seconds",
                "Time of creation of the key that signs tokens; 0 when none does.",
            )?,
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
