//! Sessions of users: list, end, log out.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::session_rows::{SessionBinding, SessionRow, session_event};
use crate::authz::Resource as _;
use crate::authz::action::{Delete, EndSessions, ListSessions};
use crate::authz::{Actor, Allowed, AuditEvent, Caller, OFFLINE_ACCESS, Outcome, RowFilter, Sealed};
use crate::domain::{Revoked, Session, SessionId, SessionOf, Time, User, UserId};
use crate::on;
use crate::store::changes::Changes;
use crate::store::engine::schema::sessions;
use crate::store::shared::Shared;
use crate::store::{Connection, Lookup, Store, StoreError, Stored};

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
        let one = move |conn: &mut Connection| {
            let live = sessions::table
                .filter(sessions::id.eq(id.session))
                .filter(sessions::user_id.eq(id.user))
                .filter(sessions::expires_at.gt(Time(now)));
            let row: Option<SessionRow> =
                on!(conn, |c| live.select(SessionRow::as_select()).get_result(c).optional())?;
            Ok(row.map(|row| row.read().0))
        };
        lookup.record_of(id.user, &filter, one).await
    }
}

impl Store {
    /// Returns the unexpired sessions of a user, newest first.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn sessions(&self, user: &Allowed<User, ListSessions>) -> Result<Vec<Session>, StoreError> {
        let (id, now) = (user.id, self.shared().now());
        self.read(move |conn| live(conn, id, now)).await
    }

    /// Ends all sessions of a user.
    ///
    /// # Errors
    /// If the database is unavailable. Then no session ends.
    pub async fn end_sessions(&self, user: Allowed<User, EndSessions>) -> Result<(), StoreError> {
        let (event, shared) = (AuditEvent::from(&user), self.shared().clone());
        self.write(Some(event), move |conn, changes| shared.end_sessions_of(conn, user.id, None, changes))
            .await
    }

    /// Ends a session.
    ///
    /// # Errors
    /// If the database is unavailable. Then the session goes on.
    pub async fn end_session(&self, session: Allowed<Session, Delete>) -> Result<(), StoreError> {
        self.end(AuditEvent::from(&session), session.id).await
    }

    /// Ends the session in which the caller's token was issued, if there is one.
    ///
    /// # Errors
    /// If the database is unavailable. Then the session goes on.
    pub async fn log_out(&self, caller: &Caller) -> Result<(), StoreError> {
        match caller.session() {
            Some(session) => self.end(logged_out(caller, session), session).await,
            None => Ok(()),
        }
    }

    async fn end(&self, event: AuditEvent, id: SessionId) -> Result<(), StoreError> {
        let shared = self.shared().clone();
        self.write(Some(event), move |conn, changes| shared.end_session_tree(conn, id, changes)).await
    }
}

impl Shared {
    /// Inserts a session.
    pub(in crate::store) fn insert_session(
        &self,
        conn: &mut Connection,
        session: &Session,
        binding: SessionBinding,
    ) -> Result<(), StoreError> {
        let row = SessionRow::new(session, binding);
        on!(conn, |c| diesel::insert_into(sessions::table).values(&row).execute(c))?;
        Ok(())
    }

    /// Ends sessions: their access tokens are revoked and their refresh tokens deleted.
    pub(in crate::store) fn end_sessions(
        &self,
        conn: &mut Connection,
        ended: &[SessionId],
        changes: &mut Changes,
    ) -> Result<(), StoreError> {
        on!(conn, |c| diesel::delete(sessions::table.filter(sessions::id.eq_any(ended))).execute(c))?;
        for id in ended {
            changes.revoke(self, Revoked::Session(*id));
        }
        Ok(())
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
        let row: Option<SessionRow> =
            on!(conn, |c| sessions::table.find(id).select(SessionRow::as_select()).get_result(c).optional())?;
        if let Some(row) = row {
            let (session, _) = row.read();
            self.append_event(conn, &session_event(&session, "refresh", by, Outcome::Reused))?;
        }
        self.end_sessions(conn, &[id], changes)
    }

    /// Ends a session. With a browser session, the sessions of clients in it end too, except those with
    /// `offline_access` (OpenID Connect Core §11).
    pub(in crate::store) fn end_session_tree(
        &self,
        conn: &mut Connection,
        id: SessionId,
        changes: &mut Changes,
    ) -> Result<(), StoreError> {
        let children: Vec<(SessionId, Option<String>)> = on!(conn, |c| sessions::table
            .filter(sessions::parent_id.eq(id))
            .select((sessions::id, sessions::scope))
            .load(c))?;
        let is_offline = |scope: &Option<String>| {
            scope.as_deref().unwrap_or_default().split(' ').any(|name| name == OFFLINE_ACCESS.as_str())
        };
        let mut ended: Vec<SessionId> =
            children.into_iter().filter(|(_, scope)| !is_offline(scope)).map(|(id, _)| id).collect();
        ended.push(id);
        self.end_sessions(conn, &ended, changes)
    }
}

fn live(conn: &mut Connection, user: UserId, now: DateTime<Utc>) -> Result<Vec<Session>, StoreError> {
    let rows: Vec<SessionRow> = on!(conn, |c| sessions::table
        .filter(sessions::user_id.eq(user))
        .filter(sessions::expires_at.gt(Time(now)))
        .order((sessions::created_at.desc(), sessions::id.desc()))
        .select(SessionRow::as_select())
        .load(c))?;
    Ok(rows.into_iter().map(|row| row.read().0).collect())
}
