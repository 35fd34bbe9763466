//! Sessions of users: list, end, log out.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::session_rows::{SessionBinding, SessionRow, session_event};
use super::tombstones::{Tombstone, alive, newest};
use crate::authz::Resource as _;
use crate::authz::action::{Delete, EndSessions, ListSessions};
use crate::authz::{Actor, Allowed, AuditEvent, Caller, Outcome, Proof, RowFilter, Sealed};
use crate::domain::{ClientId, Revoked, Session, SessionId, SessionOf, SessionSet, Time, User, UserId};
use crate::on;
use crate::store::changes::{CLOCK_SKEW, Changes};
use crate::store::engine::limit::{page, rows_after};
use crate::store::engine::schema::{sessions, users};
use crate::store::extension::records::one_row;
use crate::store::renewed::Authorization;
use crate::store::shared::Shared;
use crate::store::{Connection, Keyset, KeysetPage, Lookup, Store, StoreError, Stored};

/// Upper bound of the sessions of a user with one client, and of the browser sessions of a user. The oldest ends
/// when another begins.
const MAX_SESSIONS: i64 = 100;

/// Number of sessions above [`MAX_SESSIONS`] that end when one begins.
const MAX_SURPLUS: i64 = 10;

/// Number of sessions whose tokens are revoked each by its id. More are revoked together.
const MAX_REVOCATIONS: i64 = 100;

/// Position in the list of sessions: the time of the beginning and the id.
pub type SessionPosition = (DateTime<Utc>, Uuid);

/// Returns the audit event of a caller that ends the session of its own token.
fn logged_out(by: &Caller, session: SessionId) -> AuditEvent {
    AuditEvent {
        by: Actor::Caller(by.clone()),
        action: "log_out",
        resource: Session::NAME,
        record: Some(session.to_string()),
        owner: by.user_id(),
        outcome: Outcome::Done,
    }
}

impl Stored for Session {
    async fn find(
        lookup: Lookup<'_, Self>,
        id: SessionOf,
        filter: RowFilter,
    ) -> Result<Sealed<Self>, StoreError> {
        let now = lookup.shared().now();
        lookup.record_of(id.user, &filter, move |conn| find(conn, &id, now)).await
    }
}

impl Store {
    /// Returns a page of the unexpired sessions of a user, newest first.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn sessions(
        &self,
        user: &Allowed<User, ListSessions>,
        keyset: Keyset<SessionPosition>,
    ) -> Result<KeysetPage<Session, SessionPosition>, StoreError> {
        let (id, now) = (user.id, self.shared().now());
        self.read(move |conn| {
            let rows: Vec<SessionRow> = on!(conn, DB, |c| {
                let mut list = sessions::table
                    .filter(sessions::expires_at.gt(Time(now)))
                    .filter(alive!(sessions))
                    .order((sessions::created_at.desc(), sessions::id.desc()))
                    .select(SessionRow::as_select())
                    .into_boxed::<DB>();
                if !fault!(sessions_of_everyone) {
                    list = list.filter(sessions::user_id.eq(id));
                }
                if let Some((at, last)) = &keyset.after {
                    // `a <= x AND (a < x OR id < y)` uses the index.
                    let beyond = sessions::created_at.lt(Time(*at)).or(sessions::id.lt(SessionId(*last)));
                    list = list.filter(sessions::created_at.le(Time(*at))).filter(beyond);
                }
                page(list, keyset.limit).load(c)
            })?;
            let sessions = rows.into_iter().map(|row| row.read().0).collect();
            Ok(keyset.page(sessions, |session| (session.created_at, session.id.0)))
        })
        .await
    }

    /// Ends all sessions of a user, except `kept`. Without `kept`, all tokens of the user are revoked. With
    /// `expected`, the user must still have this revision.
    ///
    /// # Errors
    /// [`StoreError::Changed`], or if the database is unavailable. Then no session ends.
    pub async fn end_sessions(
        &self,
        user: Allowed<User, EndSessions>,
        kept: Option<SessionId>,
        expected: Option<i64>,
    ) -> Result<(), StoreError> {
        let (by, shared) = (Authorization::of(&user).comparing(&user), self.shared().clone());
        self.write(by, move |conn, changes| {
            if let Some(expected) = expected {
                let revision: Option<i64> = on!(conn, |c| users::table
                    .find(user.id)
                    .select(users::revision)
                    .get_result(c)
                    .optional())?;
                one_row(usize::from(revision == Some(expected)))?;
            }
            let ended = Tombstone::of_user(user.id);
            match kept {
                Some(_) => shared.revoke_sessions(conn, &ended, user.id, kept, changes)?,
                None => shared.begin_epoch(conn, user.id, changes)?,
            }
            ended.apply(conn, kept)
        })
        .await
    }

    /// Ends a session.
    ///
    /// # Errors
    /// [`StoreError::Changed`], or if the database is unavailable. Then the session goes on.
    pub async fn end_session(&self, session: Allowed<Session, Delete>) -> Result<(), StoreError> {
        self.end(Authorization::of(&session), session.id).await
    }

    /// Ends the session in which the caller's token was issued, if there is one.
    ///
    /// # Errors
    /// If the database is unavailable. Then the session goes on.
    pub async fn log_out(&self, caller: &Caller) -> Result<(), StoreError> {
        match caller.session() {
            Some(session) => {
                let event = logged_out(caller, session);
                self.end(Authorization::with_event(caller, Some(event)), session).await
            }
            None => Ok(()),
        }
    }

    async fn end<P: Proof>(&self, by: Authorization<P>, id: SessionId) -> Result<(), StoreError> {
        let shared = self.shared().clone();
        self.write(by, move |conn, changes| shared.end_session_tree(conn, id, changes)).await
    }
}

impl Shared {
    /// Inserts a session. The oldest sessions of the same user and client end if there are too many.
    pub(in crate::store) fn insert_session(
        &self,
        conn: &mut Connection,
        session: &Session,
        binding: SessionBinding,
        changes: &mut Changes,
    ) -> Result<(), StoreError> {
        let row = (SessionRow::new(session, binding), sessions::after_tombstone.eq(newest!()));
        on!(conn, |c| diesel::insert_into(sessions::table).values(row).execute(c))?;
        for (id, last_used_at) in surplus(conn, session)? {
            let Some(client) = &session.client_id else {
                self.end_session_tree(conn, id, changes)?;
                continue;
            };
            delete(conn, id)?;
            if self.has_valid_token(last_used_at.0) {
                self.revoke_oldest_session(conn, session.user_id, client, id, changes)?;
            }
        }
        Ok(())
    }

    /// Returns true if an access token that was issued at this time may be valid still.
    fn has_valid_token(&self, issued_at: DateTime<Utc>) -> bool {
        self.now() < issued_at + self.lifetimes.access_token + CLOCK_SKEW
    }

    /// Ends a session of a user: its access tokens are revoked and its refresh tokens deleted.
    pub(in crate::store) fn end_session(
        &self,
        conn: &mut Connection,
        user: UserId,
        id: SessionId,
        changes: &mut Changes,
    ) -> Result<(), StoreError> {
        delete(conn, id)?;
        self.revoke_each_session(conn, user, &[id], changes)
    }

    /// Revokes the access tokens of sessions of a user that are about to end, except those of `kept`.
    pub(in crate::store) fn revoke_sessions(
        &self,
        conn: &mut Connection,
        ended: &Tombstone,
        user: UserId,
        kept: Option<SessionId>,
        changes: &mut Changes,
    ) -> Result<(), StoreError> {
        let few = ended.sessions(conn, kept, MAX_REVOCATIONS + 1)?;
        if i64::try_from(few.len()).is_ok_and(|count| count <= MAX_REVOCATIONS) {
            return self.revoke_each_session(conn, user, &few, changes);
        }
        if ended.is_of_browser() {
            // No token names its browser session. Sessions that go on get new tokens with their next refresh.
            return self.begin_epoch(conn, user, changes);
        }
        let newest: Option<Time> = on!(conn, |c| sessions::table
            .filter(sessions::user_id.eq(user))
            .order(sessions::created_at.desc())
            .select(sessions::created_at)
            .first(c)
            .optional())?;
        // The clock of the replica that began the newest session may be ahead of this one.
        let last = newest.map_or(self.now(), |newest| newest.0.max(self.now()));
        let (client, before) = (ended.client().map(str::to_owned), last.timestamp_millis() + 1);
        self.revoke_set(conn, SessionSet { user, client, except: kept, before }, changes)
    }

    /// Ends the session of a code or refresh token that was reused, and records the audit event if the session
    /// has not ended yet.
    pub(in crate::store) fn end_reused_session(
        &self,
        conn: &mut Connection,
        id: SessionId,
        by: Actor,
        changes: &mut Changes,
    ) -> Result<(), StoreError> {
        if fault!(reuse_keeps_session) {
            return Ok(());
        }
        let alive = sessions::table.find(id).filter(alive!(sessions));
        let row: Option<SessionRow> =
            on!(conn, |c| alive.select(SessionRow::as_select()).get_result(c).optional())?;
        // A session that has ended was revoked then. A stranger can send a used code of a public client many times.
        let Some((session, _)) = row.map(SessionRow::read) else { return Ok(()) };
        self.append_event(conn, &session_event(&session, "refresh", by, Outcome::Reused))?;
        self.end_session(conn, session.user_id, id, changes)
    }

    /// Ends a session. With a browser session, the sessions of clients in it end too. Those with `offline_access`
    /// are not in it (OpenID Connect Core §11).
    pub(in crate::store) fn end_session_tree(
        &self,
        conn: &mut Connection,
        id: SessionId,
        changes: &mut Changes,
    ) -> Result<(), StoreError> {
        let user: Option<UserId> =
            on!(conn, |c| sessions::table.find(id).select(sessions::user_id).get_result(c).optional())?;
        let Some(user) = user else {
            // A token of another issuer can name a session that has no row.
            changes.revoke(self, Revoked::Session(id));
            return Ok(());
        };
        if fault!(session_end_ends_all) {
            self.begin_epoch(conn, user, changes)?;
        }
        let children = Tombstone::of_browser(id);
        self.revoke_sessions(conn, &children, user, None, changes)?;
        children.apply(conn, None)?;
        self.end_session(conn, user, id, changes)
    }
}

fn delete(conn: &mut Connection, id: SessionId) -> Result<(), StoreError> {
    on!(conn, |c| diesel::delete(sessions::table.find(id)).execute(c))?;
    Ok(())
}

/// Returns sessions of the same user and client beyond the newest [`MAX_SESSIONS`], with their last use.
fn surplus(conn: &mut Connection, newest: &Session) -> Result<Vec<(SessionId, Time)>, StoreError> {
    let of_user = sessions::table
        .filter(sessions::user_id.eq(newest.user_id))
        .order(sessions::created_at.desc())
        .select((sessions::id, sessions::last_used_at));
    let client = newest.client_id.as_ref().map(ClientId::as_str);
    Ok(match client {
        Some(client) => {
            let rows = rows_after(of_user.filter(sessions::client_id.eq(client)), MAX_SESSIONS, MAX_SURPLUS);
            on!(conn, |c| rows.load(c))?
        }
        None => {
            let rows = rows_after(of_user.filter(sessions::client_id.is_null()), MAX_SESSIONS, MAX_SURPLUS);
            on!(conn, |c| rows.load(c))?
        }
    })
}

fn find(conn: &mut Connection, of: &SessionOf, now: DateTime<Utc>) -> Result<Option<Session>, StoreError> {
    let found =
        sessions::table.find(of.session).filter(sessions::expires_at.gt(Time(now))).filter(alive!(sessions));
    let row: Option<SessionRow> =
        on!(conn, |c| found.select(SessionRow::as_select()).get_result(c).optional())?;
    let is_of_user = |session: &Session| session.user_id == of.user || fault!(session_of_any_user);
    Ok(row.map(|row| row.read().0).filter(is_of_user))
}
