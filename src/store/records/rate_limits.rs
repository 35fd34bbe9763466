//! Rate limits that all replicas share: counters in fixed windows. A request is counted before it is checked, so
//! that two hundred concurrent requests count as two hundred.

use chrono::{DateTime, Utc};
use diesel::backend::Backend;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{Binary, Bool, HasSqlType, Integer};

use crate::domain::{Bucket, LIMIT_WINDOW, Left, Time, TooMany};
use crate::on;
use crate::store::engine::limit::rows_after;
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema::guesses;
use crate::store::{Connection, Moment, Settled, StoreError, TrustedStore};

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

/// Number of evictable counters that are kept. A stranger with a large IPv6 network can make one for each /64.
const MOST_EVICTABLE: i64 = 100_000;

/// Number of counters that one transaction deletes.
const BATCH: i64 = 500;

impl TrustedStore {
    /// Returns the beginning of the newest evictable counter that is one too many. None while there is room.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub(crate) async fn first_evicted_counter(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.read(|conn| {
            let newest_first = guesses::table.filter(guesses::evictable).order(guesses::began_at.desc());
            let began_at = newest_first.select(guesses::began_at);
            let first: Vec<Time> = on!(conn, |c| rows_after(began_at, MOST_EVICTABLE, 1).load(c))?;
            Ok(first.first().map(|began_at| began_at.0))
        })
        .await
    }

    /// Deletes a batch of the evictable counters that began at this time or earlier, the oldest first. Returns true
    /// when more may be left.
    ///
    /// # Errors
    /// If the database is unavailable. Then the batch is as it was.
    pub(crate) async fn evict_counters(&self, until: DateTime<Utc>) -> Result<bool, StoreError> {
        self.write_in_background(move |conn, _| {
            let surplus =
                || guesses::table.filter(guesses::evictable).filter(guesses::began_at.le(Time(until)));
            let oldest_first = surplus().order(guesses::began_at).select(guesses::key);
            let batch: Vec<Vec<u8>> = on!(conn, |c| rows_after(oldest_first, 0, BATCH).load(c))?;
            // A counter may begin anew between the query and the deletion: the condition is checked again.
            let rows = surplus().filter(guesses::key.eq_any(&batch));
            on!(conn, |c| diesel::delete(rows).execute(c))?;
            Ok(i64::try_from(batch.len()).is_ok_and(|rows| rows == BATCH))
        })
        .await
    }

    /// Counts one request in a bucket and returns the remaining quota. A request above the limit is not counted.
    ///
    /// # Errors
    /// If the database is unavailable. Then nothing is counted.
    pub(crate) async fn count(&self, bucket: Bucket) -> Result<Settled<Option<Left>, TooMany>, StoreError> {
        let shared = self.shared().clone();
        self.write(None, move |conn, _| {
            Ok(match count(conn, &[bucket], shared.now())? {
                Settled::Granted(counted) => Settled::Granted(counted.left),
                Settled::Refused(too_many) => Settled::Refused(too_many),
            })
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
) -> Result<Settled<CountedAttempt, TooMany>, StoreError> {
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
            return Ok(Settled::Refused(TooMany { until: ends, left: counted.left }));
        }
    }
    Ok(Settled::Granted(counted))
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
    let (now, over) = (Time(now), Time(now - LIMIT_WINDOW));
    let increment = Increment { key: bucket.key, evictable: bucket.evictable, now, over };
    let (began_at, count): (Time, i32) = on!(conn, |c| increment.get_result(c))?;
    Ok((began_at.0, count))
}

/// Statement that increments a counter, or begins a new window if there is none or its time is over.
#[derive(QueryId)]
struct Increment {
    key: [u8; 32],
    evictable: bool,
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
    DB: Backend + HasSqlType<Moment> + HasSqlType<Bool>,
    [u8]: ToSql<Binary, DB>,
    bool: ToSql<Bool, DB>,
    Time: ToSql<Moment, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("INSERT INTO guesses (key, evictable, began_at, made) VALUES (");
        out.push_bind_param::<Binary, [u8]>(self.key.as_slice())?;
        out.push_sql(", ");
        out.push_bind_param::<Bool, _>(&self.evictable)?;
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
