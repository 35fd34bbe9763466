//! What is counted against limits, on all replicas together: guesses at passwords first of all, and so
//! the only place where a hash leaves the database. They are counted before they are checked, so that
//! two hundred at once are two hundred; taken back when they were right.

use chrono::{DateTime, Utc};
use diesel::backend::Backend;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{Binary, HasSqlType, Integer};

use crate::domain::{Bucket, LIMIT_WINDOW, Left, LoginAttempt, PasswordHash, Time, TooMany, UserId};
use crate::on;
use crate::store::engine::connection::Connection;
use crate::store::engine::error::StoreError;
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema::{guesses, sessions, users};
use crate::store::engine::sql_types::Moment;
use crate::store::shared::Shared;
use crate::store::trusted::TrustedStore;

/// What a guess is checked against.
pub struct Login {
    /// Whose login it would be.
    pub user_id: UserId,
    /// The hash to compare with; none when no password was ever set.
    pub hash: Option<PasswordHash>,
}

/// A guess that was counted as a wrong one.
#[must_use = "what was right, or was not looked at, is taken back"]
#[derive(Clone, Debug, Default)]
pub struct Counted {
    keys: Vec<[u8; 32]>,
    /// What is left to whoever guesses, as far as it is theirs to know.
    pub(crate) left: Option<Left>,
}

impl TrustedStore {
    /// What a guess is to be checked against, if there is such an account; with limits, it is counted
    /// as a wrong one first.
    ///
    /// # Errors
    /// When the database is away; then nothing was counted.
    pub(crate) async fn guess(
        &self,
        guess: LoginAttempt,
        limited: bool,
    ) -> Result<Result<(Option<Login>, Counted), TooMany>, StoreError> {
        if !limited {
            return Ok(Ok((self.read(move |conn| login(conn, &guess)).await?, Counted::default())));
        }
        let inner = self.shared().clone();
        self.write(None, move |conn, _| {
            let now = inner.now();
            let login = login(conn, &guess)?;
            let is_known = inner.is_known_at(conn, login.as_ref(), &guess, now)?;
            Ok(count(conn, &guess.buckets(is_known), now)?.map(|counted| (login, counted)))
        })
        .await
    }

    /// Counts one more in a bucket, and says what is left; one that is too many is not counted.
    ///
    /// # Errors
    /// When the database is away; then nothing was counted.
    pub(crate) async fn count(&self, bucket: Bucket) -> Result<Result<Option<Left>, TooMany>, StoreError> {
        let inner = self.shared().clone();
        self.write(None, move |conn, _| {
            let counted = count(conn, &[bucket], inner.now())?;
            Ok(counted.map(|counted| counted.left))
        })
        .await
    }

    /// Takes back a guess that was not looked at, or was right.
    ///
    /// # Errors
    /// When the database is away; then it counts.
    pub(crate) async fn take_back(&self, counted: Counted) -> Result<(), StoreError> {
        if counted.keys.is_empty() {
            return Ok(());
        }
        self.write(None, move |conn, _| take_back(conn, &counted)).await
    }
}

impl Shared {
    /// Whether the user has a session that began at this address.
    fn is_known_at(
        &self,
        conn: &mut Connection,
        login: Option<&Login>,
        guess: &LoginAttempt,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        // An account that does not exist takes as long.
        let user = login.map_or(UserId(uuid::Uuid::nil()), |login| login.user_id);
        let address = guess.address.map(|address| address.to_string()).unwrap_or_default();
        let session = sessions::table
            .filter(sessions::user_id.eq(user))
            .filter(sessions::address.eq(address))
            .filter(sessions::expires_at.gt(Time(now)));
        Ok(on!(conn, |c| diesel::select(diesel::dsl::exists(session)).get_result(c))?)
    }
}

fn login(conn: &mut Connection, guess: &LoginAttempt) -> Result<Option<Login>, StoreError> {
    let row: Option<(UserId, Option<String>)> = on!(conn, |c| users::table
        .filter(users::email_key.eq(&guess.account))
        .select((users::id, users::password_hash))
        .get_result(c)
        .optional())?;
    Ok(row.map(|(id, phc)| Login { user_id: id, hash: phc.map(PasswordHash::from_phc) }))
}

/// Counts first and looks then: the row is locked from the count on, so no two see the same.
fn count(
    conn: &mut Connection,
    buckets: &[Bucket],
    now: DateTime<Utc>,
) -> Result<Result<Counted, TooMany>, StoreError> {
    let (mut counted, mut until) = (Counted::default(), None);
    for bucket in buckets {
        let (began_at, made) = one_more(conn, bucket, now)?;
        let ends = began_at + LIMIT_WINDOW;
        counted.keys.push(bucket.key);
        if made > bucket.most {
            until = until.max(Some(ends));
        }
        let remaining = (bucket.most - made).max(0);
        let left = bucket.policy.map(|policy| Left { policy, quota: bucket.most, remaining, until: ends });
        counted.left = match (counted.left, left) {
            (Some(one), Some(other)) if other.remaining < one.remaining => Some(other),
            (one, other) => one.or(other),
        };
    }
    let Some(until) = until else { return Ok(Ok(counted)) };
    // It is not looked at, so it is none.
    take_back(conn, &counted)?;
    Ok(Err(TooMany { until, left: counted.left }))
}

/// When the first of a bucket was, and how many there are with this one.
fn one_more(
    conn: &mut Connection,
    bucket: &Bucket,
    now: DateTime<Utc>,
) -> Result<(DateTime<Utc>, i32), StoreError> {
    let one_more = OneMore { key: bucket.key, now: Time(now), over: Time(now - LIMIT_WINDOW) };
    let (began_at, made): (Time, i32) = on!(conn, |c| one_more.get_result(c))?;
    Ok((began_at.0, made))
}

/// One more in a bucket: the first, where there was none or what there was no longer counts.
#[derive(QueryId)]
struct OneMore {
    key: [u8; 32],
    now: Time,
    over: Time,
}

impl Query for OneMore {
    type SqlType = (Moment, Integer);
}

impl<C> RunQueryDsl<C> for OneMore {}

impl<DB> QueryFragment<DB> for OneMore
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

pub(in crate::store) fn take_back(conn: &mut Connection, counted: &Counted) -> Result<(), StoreError> {
    for key in &counted.keys {
        let bucket = guesses::table.find(key.as_slice()).filter(guesses::made.gt(0));
        on!(conn, |c| update(bucket).set(guesses::made.eq(guesses::made - 1)).execute(c))?;
    }
    Ok(())
}

/// Forgets what no longer counts.
pub(in crate::store) fn prune(conn: &mut Connection, now: DateTime<Utc>) -> Result<(), StoreError> {
    let over = guesses::table.filter(guesses::began_at.le(Time(now - LIMIT_WINDOW)));
    on!(conn, |c| diesel::delete(over).execute(c))?;
    Ok(())
}
