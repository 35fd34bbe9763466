//! Defaults that depend on the machine: the values of `auto`.

use std::io::IsTerminal as _;
use std::thread::available_parallelism;

use super::Lookup;

fn cores() -> usize {
    available_parallelism().map_or(1, usize::from)
}

pub(super) fn workers(_: &Lookup<'_>) -> String {
    cores().min(1024).to_string()
}

pub(super) fn db_pool(_: &Lookup<'_>) -> String {
    (2 * cores()).clamp(4, 1024).to_string()
}

pub(super) fn hash_lanes(_: &Lookup<'_>) -> String {
    cores().min(64).to_string()
}

pub(super) fn hash_queue(given: &Lookup<'_>) -> String {
    let lanes = given("CLOAKROOM_HASH_LANES").and_then(|lanes| lanes.parse().ok());
    let lanes: usize = lanes.unwrap_or_else(|| cores().min(64));
    lanes.saturating_mul(32).clamp(1, 1024).to_string()
}

pub(super) fn log_format(_: &Lookup<'_>) -> String {
    if std::io::stderr().is_terminal() { "text" } else { "json" }.to_owned()
}
