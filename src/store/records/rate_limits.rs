//! Rate limits that all replicas share: counters in fixed windows. A request is counted before it is checked, so
//! that two hundred concurrent requests count as two hundred.

use chrono::{DateTime, Utc};
use diesel::backend::Backend;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{Binary, HasSqlType, Integer};

use crate::domain::{Bucket, LIMIT_WINDOW, Left, Time, TooMany};
use crate::on;
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema::guesses;
use crate::store::{Connection, Moment, StoreError, TrustedStore};

/// A request that was counted.
#[must_use = "an attempt that succeeded or was not checked is refunded"]
#[derive(Clone, Debug, Default)]
pub struct CountedAttempt {
    keys: Vec<[u8; 32]>,
    /// Quota that the client may be told of.
    pub(crate) left: Option<Left>,
}

impl CountedAttempt {
    /// Returns true if no limit applied.
    pub(in crate::store) fn is_unlimited(&self) -> bool {
        self.keys.is_empty()
    }
}

impl TrustedStore {
    /// Counts one request in a bucket and returns the remaining quota. A request above the limit is not counted.
    ///
    /// # Errors
    /// If the database is unavailable. Then nothing is counted.
    pub(crate) async fn count(&self, bucket: Bucket) -> Result<Result<Option<Left>, TooMany>, StoreError> {
        let shared = self.shared().clone();
        self.write(None, move |conn, _| {
            let counted = count(conn, &[bucket], shared.now())?;
            Ok(counted.map(|counted| counted.left))
        })
        .await
    }
}

/// Counts a request in each bucket, in their order, up to the first that refuses it. It increments first and
/// compares then: the increment locks the row, so no two requests see the same count. A refused request leaves
/// no counter: each counter in the table was paid for with a password hash or a failed request.
pub(in crate::store) fn count(
    conn: &mut Connection,
    buckets: &[Bucket],
    now: DateTime<Utc>,
) -> Result<Result<CountedAttempt, TooMany>, StoreError> {
    let mut counted = CountedAttempt::default();
    for bucket in buckets {
        let (began_at, count) = increment(conn, bucket, now)?;
        let ends = began_at + LIMIT_WINDOW;
        counted.keys.push(bucket.key);
        let remaining = (bucket.most - count).max(0);
        let left = bucket.policy.map(|policy| Left { policy, quota: bucket.most, remaining, until: ends });
        counted.left = match (counted.left, left) {
            (Some(one), Some(other)) if other.remaining < one.remaining => Some(other),
            (one, other) => one.or(other),
        };
        if bucket.binds && count > bucket.most {
            // A refused request is not checked, so it does not count.
            refund(conn, &counted)?;
            return Ok(Err(TooMany { until: ends, left: counted.left }));
        }
    }
    Ok(Ok(counted))
}

/// Undoes the count of a request. A counter that counts nothing is deleted.
pub(in crate::store) fn refund(conn: &mut Connection, counted: &CountedAttempt) -> Result<(), StoreError> {
    for key in &counted.keys {
        let bucket = guesses::table.find(key.as_slice());
        let deleted = on!(conn, |c| diesel::delete(bucket.filter(guesses::made.le(1))).execute(c))?;
        if deleted == 0 {
            on!(conn, |c| update(bucket).set(guesses::made.eq(guesses::made - 1)).execute(c))?;
        }
    }
    Ok(())
}

/// Increments a counter. Returns the beginning of its window and the new count.
fn increment(
    conn: &mut Connection,
    bucket: &Bucket,
    now: DateTime<Utc>,
) -> Result<(DateTime<Utc>, i32), StoreError> {
    let increment = Increment { key: bucket.key, now: Time(now), over: Time(now - LIMIT_WINDOW) };
    let (began_at, count): (Time, i32) = on!(conn, |c| increment.get_result(c))?;
    Ok((began_at.0, count))
}

/// Statement that increments a counter, or begins a new window if there is none or its time is over.
#[derive(QueryId)]
struct Increment {
    key: [u8; 32],
    now: Time,
    /// Latest beginning of a window that is over.
    over: Time,
}

impl Query for Increment {
    type SqlType = (Moment, Integer);
}

impl<C> RunQueryDsl<C> for Increment {}

impl<DB> QueryFragment<DB> for Increment
where
    DB: Backend + HasSqlType<Moment>,
    [u8]: ToSql<Binary, DB>,
    Time: ToSql<Moment, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("INSERT INTO guesses (key, began_at, made) VALUES (");
        out.push_bind_param::<Binary, [u8]>(self.key.as_slice())?;
        out.push_sql(", ");
        out.push_bind_param::<Moment, _>(&self.now)?;
        out.push_sql(", 1) ON CONFLICT (key) DO UPDATE SET made = CASE WHEN guesses.began_at <= ");
        out.push_bind_param::<Moment, _>(&self.over)?;
        out.push_sql(" THEN 1 ELSE guesses.made + 1 END, began_at = CASE WHEN guesses.began_at <= ");
        out.push_bind_param::<Moment, _>(&self.over)?;
        out.push_sql(" THEN excluded.began_at ELSE guesses.began_at END RETURNING began_at, made");
        Ok(())
    }
}
