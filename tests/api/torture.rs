//! Faults while there is something to do, and a ledger of what was acknowledged: nothing of it is lost,
//! and nothing that was refused has happened. `CLOAKROOM_TORTURE_SECONDS` says how long each fault goes
//! on; a few seconds when it does not.

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

/// How long each fault goes on.
fn duration() -> Duration {
    let given = std::env::var("CLOAKROOM_TORTURE_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(given.unwrap_or(4))
}

/// Does it again and again until the time is over.
fn for_a_while(mut fault: impl FnMut()) {
    let began = Instant::now();
    while began.elapsed() < duration() {
        fault();
    }
}

/// The settings of a process on this database.
fn on_database(url: &str) -> Vec<(&str, &str)> {
    vec![
        ("DATABASE_URL", url),
        ("CLOAKROOM_MASTER_KEY", MASTER_KEY),
        ("CLOAKROOM_RATE_LIMITS", "off"),
        ("RUST_LOG", "warn"),
    ]
}
