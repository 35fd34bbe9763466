//! Effects of a transaction beyond its own rows: revocations, and notifications to the other replicas.

use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use uuid::Uuid;

use super::engine::schema::revocations;
use super::shared::Shared;
use super::{Connection, Link, StoreError};
use crate::domain::{Revocation, Revoked, SessionId, SessionSet, Time, UserId};
use crate::on;

/// Extra lifetime of a revocation beyond that of a token, for the leeway of a verifier and for replicas whose
/// clocks differ.
pub(in crate::store) const CLOCK_SKEW: chrono::Duration = chrono::Duration::minutes(5);

/// Effects that a transaction collects, written with it.
#[derive(Default)]
pub(in crate::store) struct Changes {
    revoked: Vec<Revoking>,
    /// Set when the signing keys changed.
    pub(in crate::store) keys: bool,
    /// Set when a mail was queued.
    pub(in crate::store) mail: bool,
}

/// A revocation to write.
struct Revoking {
    revocation: Revocation,
    /// Party that can lengthen the list of revocations by its own requests.
    owner: Option<String>,
}

#[derive(Insertable)]
#[diesel(table_name = revocations, treat_none_as_default_value = false)]
struct RevocationRow<'a> {
    kind: &'static str,
    subject: String,
    epoch: i64,
    until: Time,
    /// Client of a set of sessions, and the session that does not belong to it. None for another kind.
    part: Option<String>,
    owner: Option<&'a str>,
}

impl Changes {
    /// Revokes the tokens of `subject` with the commit of the transaction.
    pub(in crate::store) fn revoke(&mut self, store: &Shared, subject: Revoked) {
        self.revoke_until(subject, store.now() + store.lifetimes.access_token);
    }

    /// Revokes the tokens of `subject`, the last of which expires at `expires_at`.
    fn revoke_until(&mut self, subject: Revoked, expires_at: DateTime<Utc>) {
        let revocation = Revocation { subject, until: expires_at + CLOCK_SKEW };
        self.revoked.push(Revoking { revocation, owner: None });
    }

    /// Revokes the tokens of `subject` as one of the revocations of an owner, which are counted. The last of the
    /// tokens expires at `expires_at`.
    pub(in crate::store) fn revoke_of(&mut self, owner: &str, subject: Revoked, expires_at: DateTime<Utc>) {
        let revocation = Revocation { subject, until: expires_at + CLOCK_SKEW };
        self.revoked.push(Revoking { revocation, owner: Some(owner.to_owned()) });
    }

    /// Returns true when the transaction itself ends all tokens of this user.
    pub(in crate::store) fn ends_tokens_of(&self, user: UserId) -> bool {
        let mut subjects = self.revoked.iter().map(|revoking| &revoking.revocation.subject);
        subjects.any(|subject| matches!(subject, Revoked::User(ended, _) if *ended == user))
    }

    /// Returns the revocations.
    pub(in crate::store) fn into_revoked(self) -> Vec<Revocation> {
        self.revoked.into_iter().map(|revoking| revoking.revocation).collect()
    }

    /// Writes the revocations, and notifies the other replicas (`NOTIFY`, PostgreSQL) on commit.
    pub(in crate::store) fn persist(&self, conn: &mut Connection) -> Result<(), StoreError> {
        if !self.revoked.is_empty() {
            let rows: Vec<_> = self.revoked.iter().map(encode).collect();
            on!(conn, |c| diesel::insert_into(revocations::table).values(&rows).execute(c))?;
        }
        match conn.link() {
            Link::Postgres(c) if self.keys || !self.revoked.is_empty() => {
                Ok(c.batch_execute("SELECT pg_notify('cloakroom', '')")?)
            }
            _ => Ok(()),
        }
    }
}

fn encode(Revoking { revocation, owner }: &Revoking) -> RevocationRow<'_> {
    let (kind, subject, epoch, part) = match &revocation.subject {
        Revoked::User(id, epoch) => ("user", id.to_string(), *epoch, None),
        Revoked::Session(id) => ("session", id.to_string(), 0, None),
        Revoked::Sessions(set) => ("session", set.user.to_string(), set.before, Some(encode_part(set))),
        Revoked::Client(id, epoch) => ("client", id.clone(), *epoch, None),
        Revoked::Token(jti) => ("token", jti.clone(), 0, None),
    };
    RevocationRow { kind, subject, epoch, until: Time(revocation.until), part, owner: owner.as_deref() }
}

/// Stands for a part of a set of sessions that is not restricted.
const ANY: &str = "*";

/// Encodes the client of a set and the session that does not belong to it. No id contains a space or [`ANY`].
pub(in crate::store) fn encode_part(set: &SessionSet) -> String {
    let except = set.except.map(|id| id.to_string());
    let (client, except) = (set.client.as_deref().unwrap_or(ANY), except.as_deref().unwrap_or(ANY));
    format!("{client} {except}")
}

fn decode_set(user: UserId, part: &str, before: i64) -> SessionSet {
    let mut parts = part.split(' ');
    let client = parts.next().filter(|client| *client != ANY).map(str::to_owned);
    let except = parts.next().and_then(|except| Uuid::try_parse(except).ok()).map(SessionId);
    SessionSet { user, client, except, before }
}

/// Decodes what a revocation ends. Returns none for a kind that only a newer version knows.
pub(in crate::store) fn decode(
    kind: &str,
    subject: String,
    epoch: i64,
    part: Option<&str>,
) -> Option<Revoked> {
    let uuid = || Uuid::try_parse(&subject).ok();
    Some(match (kind, part) {
        ("user", _) => Revoked::User(UserId(uuid()?), epoch),
        ("session", None) => Revoked::Session(SessionId(uuid()?)),
        ("session", Some(part)) => Revoked::Sessions(decode_set(UserId(uuid()?), part, epoch)),
        ("client", _) => Revoked::Client(subject, epoch),
        ("token", _) => Revoked::Token(subject),
        _ => return None,
    })
}
