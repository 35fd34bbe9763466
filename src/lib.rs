//! User management over HTTP with authorization built in: you hand over your ticket and get your
//! own coat, and nobody else's.
//!
//! Dependencies point one way: `http → oauth → token, store → authz → domain`. The map of the
//! house, and where to start for each kind of change, is in `docs/architecture.md`.
// What input can reach does not panic, and standard output belongs to the command's result.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod app;
pub(crate) mod audit_check;
pub mod authz;
mod check;
pub(crate) mod cli;
pub mod config;
pub mod domain;
pub(crate) mod follow;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod hashing;
pub mod http;
pub mod json;
pub mod logging;
pub(crate) mod master_key;
pub(crate) mod metrics;
pub mod oauth;
pub mod server;
pub(crate) mod stop;
pub mod store;
pub(crate) mod test_server;
#[cfg(feature = "testing")]
pub mod testing;
pub(crate) mod tls;
pub mod token;
pub(crate) mod traces;
pub(crate) mod verify;

pub use app::{App, Loaded};

/// What the macros of this crate write into an application.
#[doc(hidden)]
pub mod __private {
    pub use {chrono, diesel, serde, serde_json, utoipa, uuid};
}
