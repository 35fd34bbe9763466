//! Faults under load, with a ledger of acknowledged changes: none is lost, and no refused change has
//! happened. `CLOAKROOM_TORTURE_SECONDS` sets the duration of each fault; the default is a few seconds.

mod balancer;
mod clock;
mod database;
mod disk;
mod failover;
mod killed;
mod ledger;
mod migration;
mod pooler;

use std::time::{Duration, Instant};

use crate::support::{MASTER_KEY, eventually};
use ledger::Ledger;

/// Returns the duration of each fault.
fn duration() -> Duration {
    let given = std::env::var("CLOAKROOM_TORTURE_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(given.unwrap_or(4))
}

/// Repeats the work until the duration is over.
fn for_a_while(mut fault: impl FnMut()) {
    let began = Instant::now();
    while began.elapsed() < duration() {
        fault();
    }
}

/// Returns the settings of a process on this database.
fn on_database(url: &str) -> Vec<(&str, &str)> {
    vec![
        ("DATABASE_URL", url),
        ("CLOAKROOM_MASTER_KEY", MASTER_KEY),
        ("CLOAKROOM_RATE_LIMITS", "off"),
        ("RUST_LOG", "warn"),
    ]
}
