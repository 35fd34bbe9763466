//! Transactions that change records: run alone or in a group, retried, and their results reported.

use std::sync::Arc;
use std::time::Instant;

use super::pool::Pool;
use super::retry::{CommitState, retry};
use crate::store::{Connection, StoreError};

/// A transaction to run. `work` may run more than once: each attempt that fails is rolled back.
pub(in crate::store) struct Transaction<T, W, R> {
    pool: Pool,
    state: Arc<CommitState>,
    deadline: Instant,
    work: W,
    result: Option<Result<T, StoreError>>,
    report: R,
}

/// A transaction of any kind, as the writer's queue holds it. When one is dropped, its request learns that
/// the work ended early.
pub(in crate::store) trait Queued: Send {
    /// Returns where it runs, and until when it may begin.
    fn pool(&self) -> (Pool, Instant);

    /// Runs the work inside a group's transaction, under a savepoint of its own. An error of this work alone
    /// rolls back to the savepoint, and [`Queued::finish`] reports it.
    ///
    /// # Errors
    /// An error of the whole group's transaction.
    fn run_in_group(&mut self, conn: &mut Connection) -> Result<(), StoreError>;

    /// Reports the result after the group's commit. Runs the work alone if its error was transient.
    fn finish(self: Box<Self>);

    /// Runs the work in a transaction of its own, with retries, and reports the result.
    fn run_alone(self: Box<Self>);

    /// Reports that the group's commit may or may not have reached the disk.
    fn finish_uncertain(self: Box<Self>, why: &str);
}

impl<T, W, R> Transaction<T, W, R>
where
    W: Fn(&mut Connection) -> Result<T, StoreError>,
    R: FnOnce(Result<T, StoreError>),
{
    /// Creates a transaction, and the commit state that its request can cancel it by. `report` takes the
    /// result.
    pub(in crate::store) fn new(
        pool: Pool,
        deadline: Instant,
        work: W,
        report: R,
    ) -> (Self, Arc<CommitState>) {
        let state = Arc::new(CommitState::default());
        (Self { pool, state: Arc::clone(&state), deadline, work, result: None, report }, state)
    }

    /// Runs the work up to the commit.
    fn attempt(&self, conn: &mut Connection) -> Result<T, StoreError> {
        let value = (self.work)(conn)?;
        if self.state.begin_commit() { Ok(value) } else { Err(cancelled()) }
    }

    fn check_deadline(&self) -> Result<(), StoreError> {
        let late = || StoreError::Unavailable("the queue for writes is too long".to_owned());
        if Instant::now() < self.deadline { Ok(()) } else { Err(late()) }
    }

    /// Runs the work in a transaction of its own; again after a transient error.
    fn attempts(&self) -> Result<T, StoreError> {
        self.check_deadline()?;
        let done = retry(self.deadline, &self.state, || {
            self.pool.with_connection(self.deadline, |conn| {
                conn.begin()?;
                let result = self.attempt(conn).and_then(|value| conn.commit().map(|()| value));
                if result.is_err() {
                    conn.roll_back();
                }
                result
            })
        });
        done.map_err(|error| self.pool.engine().with_reason(error))
    }
}

impl<T, W, R> Queued for Transaction<T, W, R>
where
    T: Send,
    W: Fn(&mut Connection) -> Result<T, StoreError> + Send,
    R: FnOnce(Result<T, StoreError>) + Send,
{
    fn pool(&self) -> (Pool, Instant) {
        (self.pool.clone(), self.deadline)
    }

    fn run_in_group(&mut self, conn: &mut Connection) -> Result<(), StoreError> {
        self.result = Some(match self.check_deadline() {
            Ok(()) => conn.savepoint(|conn| self.attempt(conn))?,
            Err(late) => Err(late),
        });
        Ok(())
    }

    fn finish(mut self: Box<Self>) {
        match self.result.take() {
            Some(Err(error)) if error.is_transient() => self.run_alone(),
            Some(result) => (self.report)(result),
            None => self.run_alone(),
        }
    }

    fn run_alone(self: Box<Self>) {
        let result = if self.state.begin_retry() { self.attempts() } else { Err(cancelled()) };
        (self.report)(result);
    }

    fn finish_uncertain(self: Box<Self>, why: &str) {
        let why = why.to_owned();
        let error = match &self.result {
            // Its savepoint was rolled back. But the state that refused it may not be on the disk either.
            Some(Err(_)) => StoreError::Unavailable(why),
            _ => StoreError::Uncertain(why),
        };
        (self.report)(Err(error));
    }
}

fn cancelled() -> StoreError {
    StoreError::Unavailable("the request was answered before the commit".to_owned())
}
