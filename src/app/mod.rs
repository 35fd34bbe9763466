//! Application: cloakroom itself, or one that is built on it and adds its own records.

mod application;
mod check;
pub mod jobs;

pub(crate) use application::TestSettings;
pub use application::{App, Loaded};
