//! Sessions: who is logged in where.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::error::StoreError;
use super::schema::sessions;
use super::{Connection, Lookup, Store, Stored};
use crate::authz::action::{Delete, EndSessions, ListSessions};
use crate::authz::{Allowed, Caller, Event, Outcome, Resource as _, Sealed, Sight};
use crate::domain::{Revoked, Session, SessionId, SessionOf, Time, User, UserId};
use crate::on;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions)]
pub(super) struct SessionRow {
    id: SessionId,
    user_id: UserId,
    device: Option<String>,
    address: Option<String>,
    created_at: Time,
    last_used_at: Time,
    expires_at: Time,
}

impl From<&Session> for SessionRow {
    fn from(session: &Session) -> Self {
        Self {
            id: session.id,
            user_id: session.user_id,
            device: session.device.clone(),
            address: session.address.clone(),
            created_at: Time(session.created_at),
            last_used_at: Time(session.last_used_at),
            expires_at: Time(session.expires_at),
        }
    }
}

impl From<SessionRow> for Session {
    fn from(row: SessionRow) -> Self {
        Self {
            id: row.id,
            user_id: row.user_id,
            device: row.device,
            address: row.address,
            created_at: row.created_at.0,
            last_used_at: row.last_used_at.0,
            expires_at: row.expires_at.0,
        }
    }
}

/// A caller ends the session of their own token.
fn logged_out(by: &Caller, session: SessionId) -> Event {
    Event {
        by: Some(by.clone()),
        action: "log_out",
        resource: Session::NAME,
        record: Some(session.to_string()),
        owner: by.user_id(),
        outcome: Outcome::Done,
    }
}

impl Stored for Session {
    async fn find(lookup: Lookup<'_>, id: SessionOf, _: Sight) -> Result<Sealed<Self>, StoreError> {
        let now = lookup.0.0.surroundings.clock.now();
        let found = move |session: &Session| session.id == id.session;
        lookup.record(move |conn| Ok(live(conn, id.user, now)?.into_iter().find(found))).await
    }
}

impl Store {
    /// The user's sessions that have not expired, newest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn sessions(&self, user: &Allowed<User, ListSessions>) -> Result<Vec<Session>, StoreError> {
        let (id, now) = (user.id, self.0.surroundings.clock.now());
        self.read(move |conn| live(conn, id, now)).await
    }

    /// Ends every session of the user.
    ///
    /// # Errors
    /// When the database is away; then no session ended.
    pub async fn end_sessions(&self, user: Allowed<User, EndSessions>) -> Result<(), StoreError> {
        let (deed, inner) = (Event::from(&user), self.0.clone());
        self.write(Some(deed), move |conn, changes| inner.end_sessions_of(conn, user.id, None, changes)).await
    }

    /// Ends one session.
    ///
    /// # Errors
    /// When the database is away; then the session goes on.
    pub async fn end_session(&self, session: Allowed<Session, Delete>) -> Result<(), StoreError> {
        self.end(Event::from(&session), session.id).await
    }

    /// Ends the session that the caller's own token was issued in, if it was issued in one.
    ///
    /// # Errors
    /// When the database is away; then the session goes on.
    pub async fn log_out(&self, caller: &Caller) -> Result<(), StoreError> {
        match caller.session() {
            Some(session) => self.end(logged_out(caller, session), session).await,
            None => Ok(()),
        }
    }

    async fn end(&self, deed: Event, id: SessionId) -> Result<(), StoreError> {
        let inner = self.0.clone();
        self.write(Some(deed), move |conn, changes| {
            on!(conn, |c| diesel::delete(sessions::table.filter(sessions::id.eq(id))).execute(c))?;
            changes.revoke(&inner, Revoked::Session(id));
            Ok(())
        })
        .await
    }
}

fn live(conn: &mut Connection, user: UserId, now: DateTime<Utc>) -> Result<Vec<Session>, StoreError> {
    let rows: Vec<SessionRow> = on!(conn, |c| sessions::table
        .filter(sessions::user_id.eq(user))
        .filter(sessions::expires_at.gt(Time(now)))
        .order((sessions::created_at.desc(), sessions::id.desc()))
        .select(SessionRow::as_select())
        .load(c))?;
    Ok(rows.into_iter().map(Session::from).collect())
}
