//! Application: cloakroom itself, or one that is built on it and adds its own records.

mod application;
mod check;

pub use application::{App, Loaded};
