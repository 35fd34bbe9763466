//! Sessions: who is logged in where.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::conn::on;
use super::error::StoreError;
use super::schema::sessions;
use super::types::{DbTime, DbUuid};
use super::{Store, Stored};
use crate::authz::action::{Delete, EndSessions, ListSessions};
use crate::authz::{Allowed, Caller, Sealed};
use crate::domain::{Revoked, Session, SessionId, User, UserId};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions)]
pub(super) struct SessionRow {
    id: DbUuid,
    user_id: DbUuid,
    device: Option<String>,
    address: Option<String>,
    created_at: DbTime,
    last_used_at: DbTime,
    expires_at: DbTime,
}

impl From<&Session> for SessionRow {
    fn from(session: &Session) -> Self {
        Self {
            id: DbUuid(session.id.0),
            user_id: DbUuid(session.user_id.0),
            device: session.device.clone(),
            address: session.address.clone(),
            created_at: DbTime(session.created_at),
            last_used_at: DbTime(session.last_used_at),
            expires_at: DbTime(session.expires_at),
        }
    }
}

impl From<SessionRow> for Session {
    fn from(row: SessionRow) -> Self {
        Self {
            id: SessionId(row.id.0),
            user_id: UserId(row.user_id.0),
            device: row.device,
            address: row.address,
            created_at: row.created_at.0,
            last_used_at: row.last_used_at.0,
            expires_at: row.expires_at.0,
        }
    }
}

impl Stored for Session {
    async fn find(store: &Store, (user, id): (UserId, SessionId)) -> Result<Sealed<Self>, StoreError> {
        let now = store.0.clock.now();
        let found = move |session: &Session| session.id == id;
        let sessions = store.live_sessions(user, now).await?;
        Ok(Sealed::new(sessions.into_iter().find(found)))
    }
}

impl Store {
    /// The user's sessions that have not expired, newest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn sessions(&self, user: &Allowed<User, ListSessions>) -> Result<Vec<Session>, StoreError> {
        self.live_sessions(user.id, self.0.clock.now()).await
    }

    /// Ends every session of the user.
    ///
    /// # Errors
    /// When the database is away; then no session ended.
    pub async fn end_sessions(&self, user: Allowed<User, EndSessions>) -> Result<(), StoreError> {
        let inner = self.0.clone();
        self.write(move |conn, changes| inner.end_sessions_of(conn, user.id, None, changes)).await
    }

    /// Ends one session.
    ///
    /// # Errors
    /// When the database is away; then the session goes on.
    pub async fn end_session(&self, session: Allowed<Session, Delete>) -> Result<(), StoreError> {
        self.end(session.id).await
    }

    /// Ends the session that the caller's own token was issued in, if it was issued in one.
    ///
    /// # Errors
    /// When the database is away; then the session goes on.
    pub async fn log_out(&self, caller: &Caller) -> Result<(), StoreError> {
        match caller.session() {
            Some(session) => self.end(session).await,
            None => Ok(()),
        }
    }

    async fn end(&self, id: SessionId) -> Result<(), StoreError> {
        let inner = self.0.clone();
        self.write(move |conn, changes| {
            on!(conn, |c| diesel::delete(sessions::table.filter(sessions::id.eq(DbUuid(id.0)))).execute(c))?;
            changes.revoke(&inner, Revoked::Session(id));
            Ok(())
        })
        .await
    }

    async fn live_sessions(&self, user: UserId, now: DateTime<Utc>) -> Result<Vec<Session>, StoreError> {
        self.read(move |conn| {
            let rows: Vec<SessionRow> = on!(conn, |c| sessions::table
                .filter(sessions::user_id.eq(DbUuid(user.0)))
                .filter(sessions::expires_at.gt(DbTime(now)))
                .order((sessions::created_at.desc(), sessions::id.desc()))
                .select(SessionRow::as_select())
                .load(c))?;
            Ok(rows.into_iter().map(Session::from).collect())
        })
        .await
    }
}
