//! Faults under load, with a ledger of acknowledged changes: none is lost, and no refused change has
//! happened. Each fault occurs a few times, and longer with `CLOAKROOM_TORTURE_SECONDS`.

mod balancer;
mod clock;
mod database;
mod disk;
mod failover;
mod hang;
mod killed;
mod ledger;
mod mail;
mod migration;
mod outbox;
mod pooler;
mod reference;

use std::time::{Duration, Instant};

use crate::support::{MASTER_KEY, eventually};
use ledger::Ledger;

/// Minimum number of times that each fault occurs.
const ROUNDS: usize = 3;

/// Repeats the fault at least [`ROUNDS`] times, until the duration that is set is over.
fn for_a_while(mut fault: impl FnMut()) {
    let set = std::env::var("CLOAKROOM_TORTURE_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    let (duration, began) = (Duration::from_secs(set.unwrap_or(0)), Instant::now());
    let mut rounds = 0;
    while rounds < ROUNDS || began.elapsed() < duration {
        fault();
        rounds += 1;
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
