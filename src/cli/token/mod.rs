//! `cloakroom token`: makes tokens for tests, and explains why a token is or is not accepted.

mod commands;
mod inspect;
mod mint;
mod mint_subject;

pub(super) use commands::{command, run};
