//! User management over HTTP with authorization built in: you hand over your ticket and get your
//! own coat, and nobody else's.
//!
//! Dependencies point one way: `http → oauth → token, store → authz → domain`. The map of the
//! house, and where to start for each kind of change, is in `docs/architecture.md`.
// What input can reach does not panic, and standard output belongs to the command's result.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod app;
pub mod authz;
pub(crate) mod cli;
pub mod config;
pub mod domain;
pub mod hashing;
pub mod http;
pub mod json;
pub mod oauth;
pub(crate) mod qa;
pub mod server;
pub mod store;
pub(crate) mod telemetry;
pub mod token;

pub use app::{App, Loaded};
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub use qa::fuzzing;
#[cfg(feature = "testing")]
pub use qa::testing;

/// What the macros of this crate write into an application.
#[doc(hidden)]
pub mod __private {
    pub use crate::http::kit::body_macro::Fill;
    pub use crate::store::private as store;
    pub use {chrono, diesel, serde, serde_json, utoipa, uuid};
}
