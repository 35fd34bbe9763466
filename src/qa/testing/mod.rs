//! Tests of an application as a whole, for its own tests: the feature `testing`, enabled in
//! `[dev-dependencies]`.
//!
//! Every route is called as every kind of caller on the running server. The result is a page that a reviewer
//! reads, and with which every later run is compared:
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
//! For a test of one's own, [`Server`] runs the application on a port and a database of its own:
//!
//! ```no_run
//! # fn app() -> cloakroom::App { cloakroom::App::default() }
//! let server = cloakroom::testing::Server::of(app()).sqlite();
//! let ada = server.user("ada");
//! server.get("/users/me").by(&ada).send().expect(200);
//! ```
//!
//! The test needs no line for each route. The routes are those that the application mounts, and the bodies are
//! the examples of their documentation. The owner creates the record that a path names, by the application's own
//! route. Without such a route, the test fails and says so.
//!
//! Some invariants hold for every application. When one is broken, the test fails and names the route:
//!
//! - every answer is as the authorization matrix says;
//! - a route with a rule refuses a caller without a token. It refuses a token that is forged, expired, revoked, for
//!   another audience, without the scope, or of a suspended or deleted user;
//! - another user, and a client with the owner's id, cannot reach a record that has an owner, unless its policy
//!   allows every user: by a state (`related(PUBLISHED, …)`) or by the role that every user has;
//! - another user gets the same answer for a record that they may not know of as for one that does not exist;
//! - a refused change changes nothing;
//! - a caller who is suspended, demoted, logged out or deleted in the middle of a request is refused;
//! - a route that compares powers refuses a token that carries one scope, on a record of an administrator;
//! - a list does not show the owner's records to another user;
//! - no answer contains a password, its hash, a token or a private key, except where one is issued;
//! - no answer is 5xx;
//! - each of the application's own routes lets in some kind of caller, unless the test waives it by name;
//! - each relation of the application is given by one of its routes ([`Endpoint::gives`](crate::http::Endpoint::gives)),
//!   unless the test waives it by name.
#![expect(clippy::expect_used, clippy::panic, reason = "a library for tests: a panic fails the test")]

mod application;
mod page;
mod server;
#[cfg(test)]
mod tests;
mod walk;

pub use application::{Answer, Application, Person, Request, Server};
pub use page::Page;
pub use walk::{Walk, assert_matrix};
