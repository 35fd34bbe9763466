//! `cloakroom users`: accounts. It works also when no user can log in.

mod accounts;
mod commands;
mod export;
mod firebase;
mod import;
mod links;

pub(super) use commands::{command, run};
