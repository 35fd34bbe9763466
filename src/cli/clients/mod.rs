//! `cloakroom clients`: OAuth clients (RFC 6749 §2).

mod commands;
mod options;

pub(super) use commands::{command, run};
