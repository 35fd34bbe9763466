//! Defaults that depend on the machine: what `auto` stands for.

use std::io::IsTerminal as _;
use std::thread::available_parallelism;

use super::Sources;

fn cores() -> usize {
    available_parallelism().map_or(1, usize::from)
}

pub(super) fn workers(_: &Sources) -> String {
    cores().min(1024).to_string()
}

pub(super) fn db_pool(_: &Sources) -> String {
    (2 * cores()).clamp(4, 1024).to_string()
}

pub(super) fn hash_lanes(_: &Sources) -> String {
    cores().min(64).to_string()
}

pub(super) fn hash_queue(sources: &Sources) -> String {
    let given = sources.given("CLOAKROOM_HASH_LANES").and_then(|(_, lanes)| lanes.parse().ok());
    let lanes: usize = given.unwrap_or_else(|| cores().min(64));
    lanes.saturating_mul(32).clamp(1, 1024).to_string()
}

pub(super) fn log_format(_: &Sources) -> String {
    if std::io::stderr().is_terminal() { "text" } else { "json" }.to_owned()
}
