//! What ends tokens early: written in the transaction of its cause, read by every replica.

use diesel::prelude::*;
use uuid::Uuid;

use super::{codes, idempotency, rate_limits, refresh_tokens, used_jtis};
use crate::authz::{By, Event, Outcome};
use crate::domain::{Revocation, Revoked, SessionId, Time, UserId};
use crate::on;
use crate::store::engine::connection::Connection;
use crate::store::engine::error::StoreError;
use crate::store::engine::schema::{revocations, sessions};
use crate::store::{Changes, Inner, Store};

/// A reader looks this many numbers behind the last one it saw: numbers are given out before
/// their transactions end, and transactions do not end in order.
const OVERLAP: i64 = 1_000;

/// How much longer than a token a revocation is kept, for replicas whose clocks disagree.
const CLOCK_SKEW: chrono::Duration = chrono::Duration::minutes(5);

/// For so long after its end a code is remembered.
const CODES_REMEMBERED: chrono::Duration = chrono::Duration::hours(24);

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
    pub(in crate::store) fn revoke(&mut self, store: &Inner, subject: Revoked) {
        let until = store.surroundings.clock.now() + store.lifetimes.access_token + CLOCK_SKEW;
        self.revoked.push(Revocation { subject, until });
    }
}

/// Writes down what a transaction revoked.
pub(in crate::store) fn persist(conn: &mut Connection, changes: &Changes) -> Result<(), StoreError> {
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

    /// Ends the one access token with this `jti`; whose it is and who asks, for the audit trail.
    ///
    /// # Errors
    /// When the database is away; then the token is as good as before.
    pub(crate) async fn revoke_token(
        &self,
        jti: String,
        owner: Option<UserId>,
        by: By,
    ) -> Result<(), StoreError> {
        let record = Some(jti.clone());
        let deed = Event { by, action: "revoke", resource: "token", record, owner, outcome: Outcome::Done };
        let inner = self.0.clone();
        self.write(Some(deed), move |_, changes| {
            changes.revoke(&inner, Revoked::Token(jti.clone()));
            Ok(())
        })
        .await
    }

    /// Forgets what says nothing any more: revocations, codes, refresh tokens and sessions whose time
    /// is over.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn prune(&self) -> Result<(), StoreError> {
        let now = self.0.surroundings.clock.now();
        self.write(None, move |conn, _| {
            let passed = revocations::table.filter(revocations::until.le(Time(now)));
            on!(conn, |c| diesel::delete(passed).execute(c))?;
            // A code is remembered a little longer, so that its second use is noticed.
            codes::prune(conn, now - CODES_REMEMBERED)?;
            refresh_tokens::prune(conn, now)?;
            used_jtis::prune(conn, now)?;
            rate_limits::prune(conn, now)?;
            idempotency::prune(conn, now)?;
            on!(conn, |c| diesel::delete(sessions::table.filter(sessions::expires_at.le(Time(now))))
                .execute(c))?;
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
        Revoked::Token(jti) => ("token", jti.clone(), 0),
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
        "token" => Revoked::Token(subject),
        _ => return None,
    };
    Some(Revocation { subject, until: until.0 })
}
