//! `cloakroom token`: makes tokens for tests, and explains why a token is or is not accepted.

mod commands;
mod inspect;
mod mint;

pub(super) use commands::{command, run};
