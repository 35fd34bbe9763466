//! Rows of leases, and the check that a run still holds its lease.

use diesel::prelude::*;
use uuid::Uuid;

use crate::domain::Lease;
use crate::on;
use crate::store::engine::schema::job_leases as jobs;
use crate::store::{Connection, StoreError};

/// Id of a run, which identifies its lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RunId(pub(super) Uuid);

crate::__stored_as_uid!(RunId);

/// The row of a job while this lease holds it.
#[diesel::dsl::auto_type]
pub(super) fn held_by(lease: Lease) -> _ {
    let job: &'static str = lease.job;
    let run: Option<RunId> = Some(RunId(lease.run));
    jobs::table.filter(jobs::name.eq(job)).filter(jobs::run.eq(run))
}

/// Checks that a lease still holds its job. A run whose lease was taken over changes nothing any more.
///
/// # Errors
/// [`StoreError::LeaseLost`].
pub(in crate::store) fn check_lease(conn: &mut Connection, lease: Lease) -> Result<(), StoreError> {
    let held: i64 = on!(conn, |c| held_by(lease).count().get_result(c))?;
    if held == 1 || fault!(lease_not_compared) { Ok(()) } else { Err(StoreError::LeaseLost) }
}
