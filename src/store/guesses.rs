//! Guesses at passwords: the only place where a hash leaves the database. They are counted before
//! they are checked, so that two hundred at once are two hundred, on all replicas together; taken
//! back when they were right.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::conn::Connection;
use super::error::StoreError;
use super::schema::{guesses, sessions, users};
use super::{Inner, Store};
use crate::domain::{GUESS_WINDOW, Guess, PasswordHash, Time, UserId};
use crate::on;

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
pub struct Counted(Vec<[u8; 32]>);

/// Too many guesses were wrong: none is looked at until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyGuesses {
    /// When the count begins anew.
    pub until: DateTime<Utc>,
}

impl Store {
    /// What a guess is to be checked against, if there is such an account; with limits, it is counted
    /// as a wrong one first.
    ///
    /// # Errors
    /// When the database is away; then nothing was counted.
    pub(crate) async fn guess(
        &self,
        guess: Guess,
        limited: bool,
    ) -> Result<Result<(Option<Login>, Counted), TooManyGuesses>, StoreError> {
        if !limited {
            return Ok(Ok((self.read(move |conn| login(conn, &guess)).await?, Counted::default())));
        }
        let inner = self.0.clone();
        self.write(None, move |conn, _| {
            let now = inner.surroundings.clock.now();
            let login = login(conn, &guess)?;
            let is_known = inner.is_known_at(conn, login.as_ref(), &guess, now)?;
            Ok(count(conn, &guess, is_known, now)?.map(|counted| (login, counted)))
        })
        .await
    }

    /// Takes back a guess that was not looked at, or was right.
    ///
    /// # Errors
    /// When the database is away; then it counts.
    pub(crate) async fn take_back(&self, counted: Counted) -> Result<(), StoreError> {
        if counted.0.is_empty() {
            return Ok(());
        }
        self.write(None, move |conn, _| take_back(conn, &counted)).await
    }
}

impl Inner {
    /// Whether the user has a session that began at this address.
    fn is_known_at(
        &self,
        conn: &mut Connection,
        login: Option<&Login>,
        guess: &Guess,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        // An account that does not exist takes as long.
        let user = login.map_or(UserId(uuid::Uuid::nil()), |login| login.user_id);
        let address = guess.address.map(|address| address.to_string()).unwrap_or_default();
        let known: i64 = on!(conn, |c| sessions::table
            .filter(sessions::user_id.eq(user))
            .filter(sessions::address.eq(address))
            .filter(sessions::expires_at.gt(Time(now)))
            .count()
            .get_result(c))?;
        Ok(known > 0)
    }
}

fn login(conn: &mut Connection, guess: &Guess) -> Result<Option<Login>, StoreError> {
    let row: Option<(UserId, Option<String>)> = on!(conn, |c| users::table
        .filter(users::email_key.eq(&guess.account))
        .select((users::id, users::password_hash))
        .get_result(c)
        .optional())?;
    Ok(row.map(|(id, phc)| Login { user_id: id, hash: phc.map(PasswordHash::from_phc) }))
}

/// Counts first and looks then: the row is locked from the count on, so no two guesses see the same.
fn count(
    conn: &mut Connection,
    guess: &Guess,
    is_known: bool,
    now: DateTime<Utc>,
) -> Result<Result<Counted, TooManyGuesses>, StoreError> {
    let (mut counted, mut until) = (Counted::default(), None);
    let over = Time(now - GUESS_WINDOW);
    for bucket in guess.buckets(is_known) {
        let key = bucket.key.as_slice();
        let old = guesses::table.find(key).filter(guesses::began_at.le(over));
        on!(conn, |c| diesel::delete(old).execute(c))?;
        let first = (guesses::key.eq(key), guesses::began_at.eq(Time(now)), guesses::made.eq(1));
        on!(conn, |c| diesel::insert_into(guesses::table)
            .values(first)
            .on_conflict(guesses::key)
            .do_update()
            .set(guesses::made.eq(guesses::made + 1))
            .execute(c))?;
        let (began_at, made): (Time, i32) =
            on!(conn, |c| guesses::table.find(key).select((guesses::began_at, guesses::made)).get_result(c))?;
        counted.0.push(bucket.key);
        if made > bucket.most {
            until = until.max(Some(began_at.0 + GUESS_WINDOW));
        }
    }
    let Some(until) = until else { return Ok(Ok(counted)) };
    // It is not looked at, so it is no guess.
    take_back(conn, &counted)?;
    Ok(Err(TooManyGuesses { until }))
}

pub(super) fn take_back(conn: &mut Connection, counted: &Counted) -> Result<(), StoreError> {
    for key in &counted.0 {
        let bucket = guesses::table.find(key.as_slice()).filter(guesses::made.gt(0));
        on!(conn, |c| diesel::update(bucket).set(guesses::made.eq(guesses::made - 1)).execute(c))?;
    }
    Ok(())
}

/// Forgets what no longer counts.
pub(super) fn prune(conn: &mut Connection, now: DateTime<Utc>) -> Result<(), StoreError> {
    let over = guesses::table.filter(guesses::began_at.le(Time(now - GUESS_WINDOW)));
    on!(conn, |c| diesel::delete(over).execute(c))?;
    Ok(())
}
