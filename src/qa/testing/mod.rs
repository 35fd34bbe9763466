//! Tests of an application as a whole, for its own tests: the feature `testing`, enabled in
//! `[dev-dependencies]`.
//!
//! Every route is walked as every kind of caller against the running server. What comes out is a
//! page that a reviewer reads, and that every later run is held against:
//!
//! ```no_run
//! # fn app() -> cloakroom::App { cloakroom::App::default() }
//! #[test]
//! fn who_may_do_what() {
//!     cloakroom::testing::assert_matrix(app(), "tests/who_may_do_what.md");
//! }
//! # fn main() {}
//! ```
//!
//! There is no line for a route in it. The routes are those that the application mounts, the
//! bodies are the examples of their documentation, and the record that a path names is made by its
//! owner, through the application's own route for that. Where there is no such route, the page
//! says so.
//!
//! Whatever the page says, some things hold for every application; where one does not, the test
//! fails and names the route:
//!
//! - everybody is answered as the authorization matrix says;
//! - nobody, a token that is forged, expired, for somebody else, taken back or without the scope, and
//!   that of a user who is suspended or deleted get nothing from a route that has a rule;
//! - another user, and a client named like the owner, get nothing of a record that has an owner,
//!   unless its policy lets every user in: by a state (`related(PUBLISHED, …)`) or by the role that
//!   every user has;
//! - another user is told the same of a record that they may not know of as of one that does not
//!   exist;
//! - a refused change has changed nothing;
//! - a list does not show another user what is not theirs;
//! - no answer holds a password, its hash, a token or a private key, but where one is issued;
//! - nothing is answered with 5xx.
#![expect(clippy::expect_used, clippy::panic, reason = "a library for tests: what fails here fails the test")]

mod page;
mod server;
#[cfg(test)]
mod tests;
mod walk;

use std::path::Path;

use crate::App;

pub use page::Page;
pub use walk::Walk;

/// Walks every route of an application as every kind of caller, on SQLite, and holds the outcome
/// against the page `golden`, a path from the root of the package. `UPDATE_GOLDEN=1` writes it
/// anew. For PostgreSQL, and for an application whose settings must be given, see [`Walk`].
///
/// ```no_run
/// cloakroom::testing::assert_matrix(cloakroom::App::default(), "tests/who_may_do_what.md");
/// ```
///
/// # Panics
/// When the outcome is another, or something does not hold that holds for every application.
#[track_caller]
pub fn assert_matrix(app: App, golden: impl AsRef<Path>) {
    Walk::of(app).run().assert_golden(golden);
}
