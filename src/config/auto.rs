//! Defaults that depend on the machine: the values of `auto`.

use std::io::IsTerminal as _;

use super::{Lookup, Machine, checks};
use crate::domain::parse_number;
use crate::hashing::Argon2Cost;

pub(super) fn workers(_: &Lookup<'_>) -> String {
    Machine::of_process().workers().to_string()
}

pub(super) fn db_pool(_: &Lookup<'_>) -> String {
    Machine::of_process().db_pool().to_string()
}

pub(super) fn hash_lanes(given: &Lookup<'_>) -> String {
    lanes(given).to_string()
}

fn lanes(given: &Lookup<'_>) -> usize {
    let cost = given("CLOAKROOM_ARGON2").and_then(|text| checks::argon2(&text).ok());
    Machine::of_process().hash_lanes(cost.unwrap_or(Argon2Cost::DEFAULT))
}

pub(super) fn hash_queue(given: &Lookup<'_>) -> String {
    let chosen = given("CLOAKROOM_HASH_LANES").and_then(|lanes| parse_number(&lanes));
    let lanes: usize = chosen.unwrap_or_else(|| lanes(given));
    lanes.saturating_mul(32).clamp(1, 1024).to_string()
}

pub(super) fn log_format(_: &Lookup<'_>) -> String {
    if std::io::stderr().is_terminal() { "text" } else { "json" }.to_owned()
}
