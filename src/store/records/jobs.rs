//! Jobs: the lease by which one replica runs a job at a time, and the times of the last runs. Background duties,
//! which need no lease, record their runs here too.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;

use super::lease_rows::{RunId, held_by};
use crate::domain::{Lease, Time, mask_addresses};
use crate::on;
use crate::store::audit::entries::cut;
use crate::store::changes::CLOCK_SKEW;
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema::job_leases as jobs;
use crate::store::{Connection, StoreError, TrustedStore};

/// How long a lease lasts without a renewal.
pub(crate) const LEASE_LIFETIME: TimeDelta = TimeDelta::seconds(15);

/// Text of a run that another run took over from.
const INTERRUPTED: &str = "the run was interrupted: its replica stopped or lost the database";

/// Beginning of the name of a background duty. The name of a job has no colon.
pub(crate) const DUTY: &str = "duty:";

/// State of a job: its lease, and its last runs.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = jobs, treat_none_as_default_value = false)]
pub(crate) struct JobState {
    /// Name of the job. That of a background duty begins with [`DUTY`].
    pub(crate) name: String,
    /// The run that holds the lease.
    run: Option<RunId>,
    /// Time until which it holds the lease.
    pub(crate) held_until: Option<Time>,
    /// Time of the next run.
    pub(crate) due_at: Time,
    /// Start of the last run.
    pub(crate) started_at: Option<Time>,
    /// End of the last run that succeeded.
    pub(crate) succeeded_at: Option<Time>,
    /// End of the last run that failed.
    pub(crate) failed_at: Option<Time>,
    /// Error of that run.
    pub(crate) error: Option<String>,
    /// Number of runs.
    pub(crate) runs: i64,
    /// Number of failed runs.
    pub(crate) failures: i64,
    /// Number of failed runs since the last success.
    pub(crate) failing: i64,
    /// Number of mails that the job has sent.
    pub(crate) sent: i64,
}

/// Condition under which a run claims a free lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// The job is due. It has this interval.
    WhenDue(TimeDelta),
    /// An operator asked for it, or its outbox has a message.
    Now,
}

impl JobState {
    fn new(name: &str, due_at: DateTime<Utc>) -> Self {
        Self {
            name: name.to_owned(),
            run: None,
            held_until: None,
            due_at: Time(due_at),
            started_at: None,
            succeeded_at: None,
            failed_at: None,
            error: None,
            runs: 0,
            failures: 0,
            failing: 0,
            sent: 0,
        }
    }

    /// Returns true while a run holds the lease. An end far beyond the lifetime of a lease is that of a clock which
    /// was set back since.
    pub(crate) fn is_held(&self, now: DateTime<Utc>) -> bool {
        let is_in_force = |until: Time| until.0 > now && until.0 <= now + LEASE_LIFETIME + CLOCK_SKEW;
        self.run.is_some() && self.held_until.is_some_and(is_in_force) && !fault!(held_lease_taken)
    }

    /// Returns true when a run may begin. A run that was interrupted is due at once. So is a job whose next run
    /// is much further away than its interval, because the interval became shorter or the clock was set back.
    pub(crate) fn may_run(&self, claim: Claim, now: DateTime<Utc>) -> bool {
        let is_due = match claim {
            Claim::Now => true,
            Claim::WhenDue(every) => {
                let latest = now.checked_add_signed(every + CLOCK_SKEW);
                self.due_at.0 <= now || latest.is_some_and(|latest| self.due_at.0 > latest)
            }
        };
        !self.is_held(now) && (is_due || self.run.is_some())
    }
}

impl TrustedStore {
    /// Returns the state of a job. Returns none before its first run.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn job(&self, name: &str) -> Result<Option<JobState>, StoreError> {
        let name = name.to_owned();
        self.read_by_key(move |conn| load(conn, &name)).await
    }

    /// Returns the states of all jobs and duties that have run, by name.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn jobs(&self) -> Result<Vec<JobState>, StoreError> {
        self.read(|conn| {
            Ok(on!(conn, |c| jobs::table.order(jobs::name).select(JobState::as_select()).load(c))?)
        })
        .await
    }

    /// Claims the lease of a job for a new run. Returns none when another run holds it, or the job is not due. Also
    /// returns whether the last run was interrupted.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn claim_job(
        &self,
        job: &'static str,
        claim: Claim,
    ) -> Result<Option<(Lease, bool)>, StoreError> {
        let now = self.shared().now();
        let lease = Lease { job, run: self.shared().new_uuid(now)? };
        self.write_in_background(move |conn, _| {
            let new = JobState::new(job, now);
            on!(conn, |c| diesel::insert_into(jobs::table).values(&new).on_conflict_do_nothing().execute(c))?;
            let Some(state) = load(conn, job)?.filter(|state| state.may_run(claim, now)) else {
                return Ok(None);
            };
            let interrupted = state.run.is_some();
            let is_set_back = jobs::held_until.gt(Time(now + LEASE_LIFETIME + CLOCK_SKEW));
            // The time at which a lease has ended.
            let end = if fault!(held_lease_taken) { now + TimeDelta::days(1) } else { now };
            let free = jobs::run.is_null().or(jobs::held_until.le(Time(end))).or(is_set_back);
            let held = (
                jobs::run.eq(Some(RunId(lease.run))),
                jobs::held_until.eq(Some(Time(now + LEASE_LIFETIME))),
                jobs::started_at.eq(Some(Time(now))),
                jobs::runs.eq(jobs::runs + 1),
                jobs::failures.eq(jobs::failures + i64::from(interrupted)),
                jobs::failed_at.eq(if interrupted { Some(Time(now)) } else { state.failed_at }),
                jobs::error.eq(if interrupted { Some(INTERRUPTED) } else { state.error.as_deref() }),
            );
            let claimed = update(jobs::table.find(job).filter(free)).set(held);
            Ok((on!(conn, |c| claimed.execute(c))? == 1).then_some((lease, interrupted)))
        })
        .await
    }

    /// Renews a lease. Returns false when another run has claimed it.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn renew_lease(&self, lease: Lease) -> Result<bool, StoreError> {
        let until = Time(self.shared().now() + LEASE_LIFETIME);
        self.write_in_background(move |conn, _| {
            let renewed = update(held_by(lease)).set(jobs::held_until.eq(Some(until)));
            Ok(on!(conn, |c| renewed.execute(c))? == 1)
        })
        .await
    }

    /// Ends a run: records its result, releases its lease, and sets the time of the next run. Does nothing when
    /// another run has claimed the lease.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn finish_job(
        &self,
        lease: Lease,
        result: Result<(), String>,
        due_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let now = self.shared().now();
        self.write_in_background(move |conn, _| {
            let free = (
                jobs::run.eq(None::<RunId>),
                jobs::held_until.eq(None::<Time>),
                jobs::due_at.eq(Time(due_at)),
            );
            match &result {
                Ok(()) => {
                    let done = (free, jobs::succeeded_at.eq(Some(Time(now))), jobs::failing.eq(0_i64));
                    on!(conn, |c| update(held_by(lease)).set(done).execute(c))?
                }
                Err(error) => {
                    let failed = (
                        free,
                        jobs::failed_at.eq(Some(Time(now))),
                        jobs::error.eq(Some(cut(&mask_addresses(error)))),
                        jobs::failures.eq(jobs::failures + 1),
                        jobs::failing.eq(jobs::failing + 1),
                    );
                    on!(conn, |c| update(held_by(lease)).set(failed).execute(c))?
                }
            };
            Ok(())
        })
        .await
    }

    /// Counts a mail that the job has sent.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn count_sent(&self, job: &'static str) -> Result<(), StoreError> {
        self.write_in_background(move |conn, _| {
            let counted = update(jobs::table.find(job)).set(jobs::sent.eq(jobs::sent + 1));
            on!(conn, |c| counted.execute(c))?;
            Ok(())
        })
        .await
    }

    /// Releases a lease before the end of its run, which begins anew at once.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn release_lease(&self, lease: Lease) -> Result<(), StoreError> {
        let now = self.shared().now();
        self.write_in_background(move |conn, _| {
            let free =
                (jobs::run.eq(None::<RunId>), jobs::held_until.eq(None::<Time>), jobs::due_at.eq(Time(now)));
            on!(conn, |c| update(held_by(lease)).set(free).execute(c))?;
            Ok(())
        })
        .await
    }

    /// Records the last run of a background duty.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn record_duty(
        &self,
        name: &'static str,
        result: Result<(), String>,
    ) -> Result<(), StoreError> {
        let (now, name) = (self.shared().now(), format!("{DUTY}{name}"));
        self.write_in_background(move |conn, _| {
            let new = JobState::new(&name, now);
            on!(conn, |c| diesel::insert_into(jobs::table).values(&new).on_conflict_do_nothing().execute(c))?;
            let row = jobs::table.find(&name);
            match &result {
                Ok(()) => {
                    let done = (jobs::succeeded_at.eq(Some(Time(now))), jobs::failing.eq(0_i64));
                    on!(conn, |c| update(row).set(done).execute(c))?
                }
                Err(error) => {
                    let failed = (
                        jobs::failed_at.eq(Some(Time(now))),
                        jobs::error.eq(Some(cut(&mask_addresses(error)))),
                        jobs::failing.eq(jobs::failing + 1),
                    );
                    on!(conn, |c| update(row).set(failed).execute(c))?
                }
            };
            Ok(())
        })
        .await
    }
}

fn load(conn: &mut Connection, name: &str) -> Result<Option<JobState>, StoreError> {
    Ok(on!(conn, |c| jobs::table.find(name).select(JobState::as_select()).get_result(c).optional())?)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_clock_that_is_ahead_or_set_back_stops_no_job() {
        let (now, hour) = (DateTime::UNIX_EPOCH + TimeDelta::days(20_000), TimeDelta::hours(1));
        let held = |until: TimeDelta| JobState {
            run: Some(RunId(Uuid::nil())),
            held_until: Some(Time(now + until)),
            ..JobState::new("tick", now)
        };
        // The clock of the other replica may be minutes ahead.
        for (until, is_held) in [(-1, false), (0, false), (1, true), (15, true), (300, true), (400, false)] {
            let state = held(TimeDelta::seconds(until));
            assert_eq!((state.is_held(now), state.may_run(Claim::Now, now)), (is_held, !is_held), "{until}");
        }
        for (due, may_run) in [(0, true), (1, false), (3_600, false), (3_700, false), (4_000, true)] {
            let state = JobState::new("tick", now + TimeDelta::seconds(due));
            assert_eq!(state.may_run(Claim::WhenDue(hour), now), may_run, "{due}");
        }
    }
}
