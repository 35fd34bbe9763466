//! Idempotency keys. A request leaves its key behind in the transaction that does its work. So a second request with
//! the same key does not do the work again, also when the first response was lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;

use crate::authz::{Caller, Proof};
use crate::domain::Time;
use crate::on;
use crate::store::changes::Changes;
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema::idempotency_keys as keys;
use crate::store::renewed::{Authorization, look_again};
use crate::store::{Connection, Renewed, Store, StoreError, TrustedStore};

/// How long a key is remembered.
pub(super) const KEY_LIFETIME: TimeDelta = TimeDelta::hours(24);

tokio::task_local! {
    /// The request for which this task works.
    static CURRENT: IdempotentRequest;
}

/// A request with an idempotency key. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct IdempotentRequest(Arc<Request>);

#[derive(Debug)]
struct Request {
    name: Name,
    /// The name under the other master key, while the server has two.
    other: Option<Name>,
    is_done: AtomicBool,
}

/// Hashed key of a request, and the fingerprint of its content.
type Name = ([u8; 32], [u8; 32]);

/// State of an earlier request with the same key.
pub(crate) enum EarlierRequest {
    /// It had another fingerprint: the key is reused for a different request.
    Different,
    /// Its work is done. Its response is under way, or was lost.
    Unanswered,
    /// Its response, sealed.
    Answered(Vec<u8>),
}

impl IdempotentRequest {
    /// A request with the name under the master key in use, and the name under the other one if there is one.
    pub(crate) fn new(name: Name, other: Option<Name>) -> Self {
        Self(Arc::new(Request { name, other, is_done: AtomicBool::new(false) }))
    }

    /// Returns the hashed key.
    pub(crate) fn key(&self) -> &[u8; 32] {
        &self.0.name.0
    }

    /// Returns the hashed keys under which an earlier request can have left its answer.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &[u8; 32]> {
        self.names().map(|(key, _)| key)
    }

    fn names(&self) -> impl Iterator<Item = &Name> {
        std::iter::once(&self.0.name).chain(&self.0.other)
    }

    /// Returns true if the work of the request is committed.
    pub(crate) fn is_done(&self) -> bool {
        self.0.is_done.load(Ordering::Acquire)
    }

    /// Inserts the key, unless it exists. Of two concurrent requests the second waits here for the first.
    fn claim(&self, conn: &mut Connection, now: DateTime<Utc>) -> Result<(), StoreError> {
        if let Some((other, _)) = &self.0.other {
            let earlier = keys::table.find(other.as_slice()).filter(keys::expires_at.gt(Time(now)));
            if on!(conn, |c| diesel::select(diesel::dsl::exists(earlier)).get_result(c))? {
                return Err(StoreError::Repeated);
            }
        }
        let (key, fingerprint) = &self.0.name;
        let key = key.as_slice();
        let expired = keys::table.find(key).filter(keys::expires_at.le(Time(now)));
        on!(conn, |c| diesel::delete(expired).execute(c))?;
        let row = (
            keys::key.eq(key),
            keys::request.eq(fingerprint.as_slice()),
            keys::expires_at.eq(Time(now + KEY_LIFETIME)),
        );
        let rows =
            on!(conn, |c| diesel::insert_into(keys::table).values(row).on_conflict_do_nothing().execute(c))?;
        if rows == 1 { Ok(()) } else { Err(StoreError::Repeated) }
    }
}

impl Store {
    /// Runs [`Store::write`] for a change that must not be made twice. In a task that works for an
    /// [`IdempotentRequest`], the first such write claims its key.
    pub(in crate::store) async fn write_idempotent<P: Proof, T: Send + 'static>(
        &self,
        by: Authorization<P>,
        work: impl Fn(&mut Renewed<'_, P>, &mut Changes) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let current = CURRENT.try_with(IdempotentRequest::clone).ok();
        let Some(request) = current.filter(|request| !request.is_done()) else {
            return self.write(by, work).await;
        };
        let (claimed, now) = (request.clone(), self.shared().now());
        let done = self.write(by, move |conn, changes| {
            claimed.claim(conn, now)?;
            work(conn, changes)
        });
        let done = done.await?;
        request.0.is_done.store(true, Ordering::Release);
        Ok(done)
    }
}

impl TrustedStore {
    /// Returns the state of an earlier request with this key, if there was one. The response of that request is
    /// for a caller whose token still has its effect.
    ///
    /// # Errors
    /// [`StoreError::Revoked`], or if the database is unavailable.
    pub(crate) async fn earlier_request(
        &self,
        request: &IdempotentRequest,
        caller: Option<Caller>,
    ) -> Result<Option<EarlierRequest>, StoreError> {
        let (request, now) = (request.clone(), self.shared().now());
        self.read(move |conn| {
            look_again(conn, caller.as_ref())?;
            for (key, fingerprint) in request.names() {
                let row: Option<(Vec<u8>, Option<Vec<u8>>)> = on!(conn, |c| keys::table
                    .filter(keys::key.eq(key.as_slice()))
                    .filter(keys::expires_at.gt(Time(now)))
                    .select((keys::request, keys::answer))
                    .get_result(c)
                    .optional())?;
                let earlier = row.map(|(stored, answer)| match answer {
                    _ if stored != fingerprint => EarlierRequest::Different,
                    Some(answer) => EarlierRequest::Answered(answer),
                    None => EarlierRequest::Unanswered,
                });
                if earlier.is_some() {
                    return Ok(earlier);
                }
            }
            Ok(None)
        })
        .await
    }

    /// Saves the sealed response of a request.
    ///
    /// # Errors
    /// If the database is unavailable. Then it is known only that the work was done.
    pub(crate) async fn save_answer(
        &self,
        request: &IdempotentRequest,
        sealed: Vec<u8>,
    ) -> Result<(), StoreError> {
        let request = request.clone();
        self.write(None, move |conn, _| {
            let row = keys::table.find(request.key().as_slice());
            on!(conn, |c| update(row).set(keys::answer.eq(Some(&sealed))).execute(c))?;
            Ok(())
        })
        .await
    }
}

/// Runs the work of a request.
pub(crate) async fn run_idempotent<T>(request: IdempotentRequest, work: impl Future<Output = T>) -> T {
    CURRENT.scope(request, work).await
}
