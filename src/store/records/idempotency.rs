//! Requests that their callers want done once, whatever becomes of the answer: what is done for one
//! leaves its key behind in the same transaction, so no second one does it again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;

use crate::authz::AuditEvent;
use crate::domain::Time;
use crate::on;
use crate::store::changes::Changes;
use crate::store::engine::connection::Connection;
use crate::store::engine::error::StoreError;
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema::idempotency_keys as keys;
use crate::store::handle::Store;
use crate::store::trusted::TrustedStore;

/// For so long a key is remembered.
const REMEMBERED: TimeDelta = TimeDelta::hours(24);

tokio::task_local! {
    /// The request for which this task does something.
    static FOR: Once;
}

/// A request that is to be done once. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Once(Arc<Request>);

#[derive(Debug)]
struct Request {
    key: [u8; 32],
    fingerprint: [u8; 32],
    done: AtomicBool,
}

/// What became of a request with the same key.
pub(crate) enum Earlier {
    /// It was another request.
    Another,
    /// It was done, and is being answered, or the answer was lost.
    Unanswered,
    /// It was answered so; sealed.
    Answered(Vec<u8>),
}

impl Once {
    /// The request that is known by `key`, a hash, and was made with what has this `fingerprint`.
    pub(crate) fn new(key: [u8; 32], fingerprint: [u8; 32]) -> Self {
        Self(Arc::new(Request { key, fingerprint, done: AtomicBool::new(false) }))
    }

    /// The hash by which it is known.
    pub(crate) fn key(&self) -> &[u8; 32] {
        &self.0.key
    }

    /// Whether anything was done for it.
    pub(crate) fn is_done(&self) -> bool {
        self.0.done.load(Ordering::Acquire)
    }

    /// Leaves the key behind, unless there is one already: of two at once the second waits here for
    /// the first.
    fn claim(&self, conn: &mut Connection, now: DateTime<Utc>) -> Result<(), StoreError> {
        let key = self.0.key.as_slice();
        let passed = keys::table.find(key).filter(keys::expires_at.le(Time(now)));
        on!(conn, |c| diesel::delete(passed).execute(c))?;
        let row = (
            keys::key.eq(key),
            keys::request.eq(self.0.fingerprint.as_slice()),
            keys::expires_at.eq(Time(now + REMEMBERED)),
        );
        let rows =
            on!(conn, |c| diesel::insert_into(keys::table).values(row).on_conflict_do_nothing().execute(c))?;
        if rows == 1 { Ok(()) } else { Err(StoreError::Repeated) }
    }
}

impl Store {
    /// As [`Store::write`], for what may not be done twice: the first such write of a task that works
    /// for a [`Once`] claims its key.
    pub(in crate::store) async fn write_once<T: Send + 'static>(
        &self,
        deed: Option<AuditEvent>,
        work: impl Fn(&mut Connection, &mut Changes) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let Some(once) = FOR.try_with(Once::clone).ok().filter(|once| !once.is_done()) else {
            return self.write(deed, work).await;
        };
        let (claimed, now) = (once.clone(), self.shared().now());
        let done = self.write(deed, move |conn, changes| {
            claimed.claim(conn, now)?;
            work(conn, changes)
        });
        let done = done.await?;
        once.0.done.store(true, Ordering::Release);
        Ok(done)
    }
}

impl TrustedStore {
    /// What became of an earlier request with this key, if there was one.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn earlier(&self, once: &Once) -> Result<Option<Earlier>, StoreError> {
        let (once, now) = (once.clone(), self.shared().now());
        self.read(move |conn| {
            let row: Option<(Vec<u8>, Option<Vec<u8>>)> = on!(conn, |c| keys::table
                .filter(keys::key.eq(once.0.key.as_slice()))
                .filter(keys::expires_at.gt(Time(now)))
                .select((keys::request, keys::answer))
                .get_result(c)
                .optional())?;
            Ok(row.map(|(request, answer)| match answer {
                _ if request != once.0.fingerprint => Earlier::Another,
                Some(answer) => Earlier::Answered(answer),
                None => Earlier::Unanswered,
            }))
        })
        .await
    }

    /// Remembers what a request was answered with.
    ///
    /// # Errors
    /// When the database is away; then it is known only that it was done.
    pub(crate) async fn keep_answer(&self, once: &Once, sealed: Vec<u8>) -> Result<(), StoreError> {
        let once = once.clone();
        self.write(None, move |conn, _| {
            let this = keys::table.find(once.0.key.as_slice());
            on!(conn, |c| update(this).set(keys::answer.eq(Some(&sealed))).execute(c))?;
            Ok(())
        })
        .await
    }
}

/// Runs what is to be done for a request.
pub(crate) async fn once<T>(request: Once, work: impl Future<Output = T>) -> T {
    FOR.scope(request, work).await
}

/// Forgets those that are old.
pub(in crate::store) fn prune(conn: &mut Connection, now: DateTime<Utc>) -> Result<(), StoreError> {
    on!(conn, |c| diesel::delete(keys::table.filter(keys::expires_at.le(Time(now)))).execute(c))?;
    Ok(())
}
