//! User management over HTTP with authorization built in. Every route begins with a decision about who may do what to
//! which record; a handler without one does not compile.
//!
//! Dependencies point one way: `cli → server → app → http → oauth → token, store → authz → domain`. The map of the
//! code, and where to start for each kind of change, is `docs/architecture.md`.
// Code that input can reach does not panic, and standard output is for the result of a command.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![deny(clippy::print_stdout, clippy::print_stderr)]

#[macro_use]
mod faults;

pub(crate) mod accounts;
mod app;
pub mod authz;
pub(crate) mod cli;
pub mod config;
pub mod domain;
pub mod hashing;
pub mod http;
pub mod json;
pub mod mail;
pub mod oauth;
pub(crate) mod qa;
pub mod server;
pub mod store;
pub(crate) mod telemetry;
pub(crate) mod text_file;
pub mod token;

pub use app::{App, Loaded, jobs};
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub use qa::fuzzing;
#[cfg(feature = "testing")]
pub use qa::testing;
pub use server::Service;

/// Items that the macros of this crate name in the code of an application.
#[doc(hidden)]
pub mod __private {
    pub use crate::http::kit::body_macro::{ChangedBy, Fill};
    pub use crate::store::private as store;
    pub use {chrono, diesel, serde, serde_json, utoipa, uuid};
}
