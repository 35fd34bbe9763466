//! What ends tokens early: written in the transaction of its cause, read by every replica.

use diesel::prelude::*;
use uuid::Uuid;

use super::conn::Connection;
use super::schema::revocations;
use super::{Changes, Inner, Store, StoreError};
use crate::domain::{Revocation, Revoked, SessionId, Time, UserId};
use crate::on;

/// A reader looks this many numbers behind the last one it saw: numbers are given out before
/// their transactions end, and transactions do not end in order.
const OVERLAP: i64 = 1_000;

/// How much longer than a token a revocation is kept, for replicas whose clocks disagree.
const CLOCK_SKEW: chrono::Duration = chrono::Duration::minutes(5);

#[derive(Insertable)]
#[diesel(table_name = revocations)]
struct RevocationRow {
    kind: &'static str,
    subject: String,
    epoch: i64,
    until: Time,
}

impl Changes {
    /// Ends the tokens of `subject` when the transaction is made to last.
    pub(super) fn revoke(&mut self, store: &Inner, subject: Revoked) {
        let until = store.surroundings.clock.now() + store.token_lifetime + CLOCK_SKEW;
        self.revoked.push(Revocation { subject, until });
    }
}

/// Writes down what a transaction revoked.
pub(super) fn persist(conn: &mut Connection, changes: &Changes) -> Result<(), StoreError> {
    if changes.revoked.is_empty() {
        return Ok(());
    }
    let rows: Vec<RevocationRow> = changes.revoked.iter().map(row).collect();
    on!(conn, |c| diesel::insert_into(revocations::table).values(&rows).execute(c))?;
    Ok(())
}

impl Store {
    /// The revocations that still matter and may have come after number `last`, and the number of
    /// the newest one.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn revocations(&self, last: i64) -> Result<(Vec<Revocation>, i64), StoreError> {
        let now = self.0.surroundings.clock.now();
        self.read(move |conn| {
            let rows: Vec<(i64, String, String, i64, Time)> = on!(conn, |c| revocations::table
                .filter(revocations::seq.gt(last - OVERLAP))
                .filter(revocations::until.gt(Time(now)))
                .order(revocations::seq)
                .load(c))?;
            let newest = rows.last().map_or(last, |row| row.0);
            let read = |(_, kind, subject, epoch, until)| read(kind, subject, epoch, until);
            Ok((rows.into_iter().filter_map(read).collect(), newest))
        })
        .await
    }

    /// Forgets the revocations that say nothing any more.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn prune_revocations(&self) -> Result<(), StoreError> {
        let now = self.0.surroundings.clock.now();
        self.write(None, move |conn, _| {
            let passed = revocations::table.filter(revocations::until.le(Time(now)));
            on!(conn, |c| diesel::delete(passed).execute(c))?;
            Ok(())
        })
        .await
    }
}

fn row(revocation: &Revocation) -> RevocationRow {
    let (kind, subject, epoch) = match &revocation.subject {
        Revoked::User(id, epoch) => ("user", id.to_string(), *epoch),
        Revoked::Session(id) => ("session", id.to_string(), 0),
        Revoked::Client(id, epoch) => ("client", id.clone(), *epoch),
    };
    RevocationRow { kind, subject, epoch, until: Time(revocation.until) }
}

/// A kind that this version does not know is for a newer replica to act upon.
fn read(kind: String, subject: String, epoch: i64, until: Time) -> Option<Revocation> {
    let uuid = || Uuid::try_parse(&subject).ok();
    let subject = match kind.as_str() {
        "user" => Revoked::User(UserId(uuid()?), epoch),
        "session" => Revoked::Session(SessionId(uuid()?)),
        "client" => Revoked::Client(subject, epoch),
        _ => return None,
    };
    Some(Revocation { subject, until: until.0 })
}
