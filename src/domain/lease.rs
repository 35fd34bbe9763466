//! Lease: a job that one replica runs at a time.

use uuid::Uuid;

/// Lease of a job. It has an expiry time in the database, and ends by another lease of the same job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Name of the job.
    pub job: &'static str,
    /// The run that holds it.
    pub run: Uuid,
}
