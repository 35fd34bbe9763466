//! Work of an application without a request: at intervals ([`App::job`](crate::App::job)), and after changes of
//! records ([`App::after`](crate::App::after)).
//!
//! Each job acts as a [`System`](crate::authz::System) caller with scopes of its own. Its changes need the same
//! proofs as those of a request, and the audit trail names them `system:<name>`. One replica at a time runs a
//! job, under a lease in the database.

mod back_off;
mod declared;
mod job;
mod runner;

pub use declared::EventId;
pub(crate) use declared::{DeclaredJob, Trigger};
pub use job::{Event, Job, JobError};
pub(crate) use runner::{JobRunner, Ran};
