//! Revocations of access tokens: written in the transaction of their cause, read by every replica.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::used_jtis::OneTimeJwts;
use crate::authz::{Actor, AuditEvent, Outcome, actor_of};
use crate::domain::{ClientId, Revocation, Revoked, SessionId, SessionSet, Time, UserId};
use crate::on;
use crate::store::changes::{Changes, decode, encode_part};
use crate::store::engine::schema::revocations;
use crate::store::shared::Shared;
use crate::store::{Connection, StoreError, TrustedStore};

/// Number of single tokens of a user that may be revoked at a time. Beyond it a revocation ends all access
/// tokens of the user: every replica holds each revocation in memory.
const MOST_OF_USER: i64 = 100;

/// The same for the tokens that a client got for itself. A service may revoke each token after its work.
const MOST_OF_CLIENT: i64 = 1_000;

/// Number of sessions of a user that may be revoked one by one at a time. Beyond it, a session that ends ends all
/// access tokens of the user.
const MOST_SESSIONS: i64 = 1_000;

/// Number of revocations that are read at once.
const PAGE: u16 = 5_000;

/// Sequence number, kind, subject, epoch, part and end of a revocation.
type Row = (i64, String, String, i64, Option<String>, Time);

/// Subject of an access token.
#[derive(Clone, Debug)]
pub(crate) enum TokenOwner {
    /// A user.
    User(UserId),
    /// A client that acts for itself.
    Client(String),
}

impl TrustedStore {
    /// Reads the unexpired revocations after a sequence number, page by page, and passes each page to `apply`.
    /// Returns the sequence number of the last.
    ///
    /// # Errors
    /// If the database is unavailable. Earlier pages were applied.
    pub(crate) async fn revocations(
        &self,
        mut after: i64,
        apply: impl Fn(&[Revocation]),
    ) -> Result<i64, StoreError> {
        loop {
            let rows = self.page_of_revocations(after).await?;
            let is_last = rows.len() < usize::from(PAGE);
            after = rows.last().map_or(after, |row| row.0);
            let read = |(_, kind, subject, epoch, part, until): Row| {
                let subject = decode(&kind, subject, epoch, part.as_deref())?;
                Some(Revocation { subject, until: until.0 })
            };
            apply(&rows.into_iter().filter_map(read).collect::<Vec<_>>());
            if is_last {
                return Ok(after);
            }
        }
    }

    async fn page_of_revocations(&self, after: i64) -> Result<Vec<Row>, StoreError> {
        let now = self.shared().now();
        let columns = (
            revocations::seq,
            revocations::kind,
            revocations::subject,
            revocations::epoch,
            revocations::part,
            revocations::until,
        );
        self.read(move |conn| {
            Ok(on!(conn, |c| revocations::table
                .filter(revocations::seq.gt(after))
                .filter(revocations::until.gt(Time(now)))
                .order(revocations::seq)
                .limit(i64::from(PAGE))
                .select(columns)
                .load(c))?)
        })
        .await
    }

    /// Revokes the access token with this `jti`, which expires at `expires_at`. When too many tokens of its
    /// owner are revoked one by one, it revokes all of them that were issued before now.
    ///
    /// # Errors
    /// [`StoreError::AssertionUsed`], or if the database is unavailable. Then the token stays valid.
    pub(crate) async fn revoke_token(
        &self,
        jti: String,
        owner: TokenOwner,
        expires_at: DateTime<Utc>,
        by: Actor,
        one_time: OneTimeJwts,
    ) -> Result<(), StoreError> {
        let user = match &owner {
            TokenOwner::User(id) => Some(*id),
            TokenOwner::Client(_) => None,
        };
        let event = AuditEvent {
            by,
            action: "revoke",
            resource: "token",
            record: Some(jti.clone()),
            owner: user,
            outcome: Outcome::Done,
        };
        let shared = self.shared().clone();
        self.write(Some(event), move |conn, changes| {
            let now = shared.now();
            one_time.use_up(conn, now)?;
            let name = owner.name();
            if owner.has_room(conn, &name, now)? {
                changes.revoke_of(&name, Revoked::Token(jti.clone()), expires_at);
                return Ok(());
            }
            owner.begin_epoch(conn, &shared, changes)
        })
        .await
    }
}

impl TokenOwner {
    /// Returns the value of the column `owner`.
    fn name(&self) -> String {
        match self {
            Self::User(id) => actor_of(*id),
            Self::Client(id) => format!("client:{id}"),
        }
    }

    /// Returns true while one more token may be revoked alone.
    fn has_room(&self, conn: &mut Connection, name: &str, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let most = match self {
            Self::User(_) => MOST_OF_USER,
            Self::Client(_) => MOST_OF_CLIENT,
        };
        has_room(conn, name, "token", most, now)
    }

    /// Begins a new epoch of the owner, which revokes all its access tokens. An owner that does not exist any more
    /// has none.
    fn begin_epoch(
        &self,
        conn: &mut Connection,
        shared: &Shared,
        changes: &mut Changes,
    ) -> Result<(), StoreError> {
        match self {
            Self::User(id) => shared.begin_epoch(conn, *id, changes),
            Self::Client(id) => shared.begin_client_epoch(conn, id, changes),
        }
    }
}

/// Returns true while the owner has fewer than `most` revocations of a kind.
fn has_room(
    conn: &mut Connection,
    owner: &str,
    kind: &str,
    most: i64,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let last: Option<i64> = on!(conn, |c| revocations::table
        .filter(revocations::owner.eq(owner))
        .filter(revocations::kind.eq(kind))
        .filter(revocations::until.gt(Time(now)))
        .order(revocations::seq)
        .select(revocations::seq)
        .offset(most - 1)
        .limit(1)
        .get_result(c)
        .optional())?;
    Ok(last.is_none())
}

/// Deletes the revocations of a kind that a new one of the same subject includes.
pub(in crate::store) fn delete_revocations(
    conn: &mut Connection,
    kind: &str,
    subject: &str,
) -> Result<(), StoreError> {
    let earlier =
        revocations::table.filter(revocations::subject.eq(subject)).filter(revocations::kind.eq(kind));
    on!(conn, |c| diesel::delete(earlier).execute(c))?;
    Ok(())
}

impl Shared {
    /// Revokes the access tokens of sessions of a user that end. When too many were revoked one by one, begins a new
    /// epoch of the user instead, which ends all access tokens. Sessions that go on get new ones with their next
    /// refresh.
    pub(in crate::store) fn revoke_each_session(
        &self,
        conn: &mut Connection,
        user: UserId,
        ended: &[SessionId],
        changes: &mut Changes,
    ) -> Result<(), StoreError> {
        let (owner, now) = (actor_of(user), self.now());
        if ended.is_empty() {
            return Ok(());
        }
        if !has_room(conn, &owner, "session", MOST_SESSIONS, now)? {
            return self.begin_epoch(conn, user, changes);
        }
        let expires_at = now + self.lifetimes.access_token;
        for id in ended {
            changes.revoke_of(&owner, Revoked::Session(*id), expires_at);
        }
        Ok(())
    }

    /// Revokes the access tokens of the oldest session of a user with a client. When too many were revoked one by
    /// one, one revocation ends the tokens of all sessions up to this one. Other sessions keep their tokens, because
    /// a login must not end them.
    pub(in crate::store) fn revoke_oldest_session(
        &self,
        conn: &mut Connection,
        user: UserId,
        client: &ClientId,
        oldest: SessionId,
        changes: &mut Changes,
    ) -> Result<(), StoreError> {
        let (owner, now) = (actor_of(user), self.now());
        match SessionSet::up_to(oldest, user, client) {
            Some(set) if !has_room(conn, &owner, "session", MOST_SESSIONS, now)? => {
                self.revoke_set(conn, set, changes)
            }
            _ => {
                changes.revoke_of(&owner, Revoked::Session(oldest), now + self.lifetimes.access_token);
                Ok(())
            }
        }
    }

    /// Revokes the access tokens of a set of sessions. The new revocation replaces those that it includes.
    pub(in crate::store) fn revoke_set(
        &self,
        conn: &mut Connection,
        set: SessionSet,
        changes: &mut Changes,
    ) -> Result<(), StoreError> {
        let included = revocations::table
            .filter(revocations::subject.eq(set.user.to_string()))
            .filter(revocations::kind.eq("session"))
            .filter(revocations::part.eq(encode_part(&set)))
            .filter(revocations::epoch.le(set.before));
        on!(conn, |c| diesel::delete(included).execute(c))?;
        changes.revoke(self, Revoked::Sessions(set));
        Ok(())
    }
}
