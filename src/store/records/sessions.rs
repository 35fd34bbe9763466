//! Sessions: who is logged in where.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use crate::authz::action::{Delete, EndSessions, ListSessions};
use crate::authz::{
    Actor, Allowed, AuditEvent, Caller, OFFLINE_ACCESS, Outcome, Resource as _, RowFilter, ScopeSet, Sealed,
};
use crate::domain::{
    ClientId, Revoked, Role, SecretHash, Session, SessionId, SessionOf, Thumbprint, Time, User, UserId,
};
use crate::on;
use crate::store::changes::Changes;
use crate::store::engine::connection::Connection;
use crate::store::engine::error::StoreError;
use crate::store::engine::schema::sessions;
use crate::store::extension::lookup::{Lookup, Stored};
use crate::store::handle::Store;
use crate::store::shared::Shared;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions, treat_none_as_default_value = false)]
pub(in crate::store) struct SessionRow {
    id: SessionId,
    user_id: UserId,
    device: Option<String>,
    address: Option<String>,
    created_at: Time,
    last_used_at: Time,
    expires_at: Time,
    client_id: Option<String>,
    parent_id: Option<SessionId>,
    auth_time: Time,
    scope: Option<String>,
    resource: Option<String>,
    dpop_jkt: Option<String>,
    cookie_hash: Option<Vec<u8>>,
}

/// A session in which tokens are issued, and what they say: how its user stands now.
#[derive(Clone)]
pub(crate) struct Entitled {
    /// The session.
    pub(crate) session: Session,
    /// The user's roles.
    pub(crate) roles: Vec<Role>,
    /// The epoch in which the tokens are issued.
    pub(crate) epoch: i64,
    /// What the tokens may carry.
    pub(crate) scope: ScopeSet,
    /// Where they are to be taken (RFC 8707); this server when nothing is said.
    pub(crate) resource: Option<String>,
    /// The key to which they are bound (RFC 9449 §6).
    pub(crate) dpop_jkt: Option<Thumbprint>,
}

/// What a session is besides what anybody sees of it.
#[derive(Clone, Default)]
pub(in crate::store) struct SessionBinding {
    /// The browser in which the user let the client in.
    pub(in crate::store) parent: Option<SessionId>,
    /// Names of the scopes that its tokens may carry.
    pub(in crate::store) scope: Option<String>,
    /// Where its tokens are to be taken (RFC 8707); this server when nothing is said.
    pub(in crate::store) resource: Option<String>,
    /// The key to which its tokens are bound (RFC 9449 §6).
    pub(in crate::store) dpop_jkt: Option<Thumbprint>,
    /// Of the cookie that names it, for one in a browser.
    pub(in crate::store) cookie: Option<SecretHash>,
}

impl SessionRow {
    pub(in crate::store) fn new(session: &Session, binding: SessionBinding) -> Self {
        Self {
            id: session.id,
            user_id: session.user_id,
            device: session.device.clone(),
            address: session.address.clone(),
            created_at: Time(session.created_at),
            last_used_at: Time(session.last_used_at),
            expires_at: Time(session.expires_at),
            client_id: session.client_id.as_ref().map(ToString::to_string),
            parent_id: binding.parent,
            auth_time: Time(session.auth_time),
            scope: binding.scope,
            resource: binding.resource,
            dpop_jkt: binding.dpop_jkt.map(|jkt| jkt.to_string()),
            cookie_hash: binding.cookie.map(|hash| hash.as_bytes().to_vec()),
        }
    }

    /// The session, and how it is bound; of the cookie nothing is said.
    pub(in crate::store) fn read(self) -> (Session, SessionBinding) {
        let session = Session {
            id: self.id,
            user_id: self.user_id,
            client_id: self.client_id.map(ClientId::stored),
            device: self.device,
            address: self.address,
            created_at: self.created_at.0,
            auth_time: self.auth_time.0,
            last_used_at: self.last_used_at.0,
            expires_at: self.expires_at.0,
        };
        let (parent, scope, resource, dpop_jkt) =
            (self.parent_id, self.scope, self.resource, self.dpop_jkt.map(Thumbprint::stored));
        (session, SessionBinding { parent, scope, resource, dpop_jkt, cookie: None })
    }
}

/// What happens to a session without a token that speaks for its user: by whom, and how it went.
pub(in crate::store) fn of_session(
    session: &Session,
    action: &'static str,
    by: Actor,
    outcome: Outcome,
) -> AuditEvent {
    AuditEvent {
        by,
        action,
        resource: Session::NAME,
        record: Some(session.id.to_string()),
        owner: Some(session.user_id),
        outcome,
    }
}

/// A caller ends the session of their own token.
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
    async fn find(lookup: Lookup<'_>, id: SessionOf, _: RowFilter) -> Result<Sealed<Self>, StoreError> {
        let now = lookup.shared().now();
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
        let (id, now) = (user.id, self.shared().now());
        self.read(move |conn| live(conn, id, now)).await
    }

    /// Ends every session of the user.
    ///
    /// # Errors
    /// When the database is away; then no session ended.
    pub async fn end_sessions(&self, user: Allowed<User, EndSessions>) -> Result<(), StoreError> {
        let (deed, inner) = (AuditEvent::from(&user), self.shared().clone());
        self.write(Some(deed), move |conn, changes| inner.end_sessions_of(conn, user.id, None, changes)).await
    }

    /// Ends one session.
    ///
    /// # Errors
    /// When the database is away; then the session goes on.
    pub async fn end_session(&self, session: Allowed<Session, Delete>) -> Result<(), StoreError> {
        self.end(AuditEvent::from(&session), session.id).await
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

    async fn end(&self, deed: AuditEvent, id: SessionId) -> Result<(), StoreError> {
        let inner = self.shared().clone();
        self.write(Some(deed), move |conn, changes| inner.end_session_and_what_hangs_on_it(conn, id, changes))
            .await
    }
}

impl Shared {
    /// Begins a session.
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

    /// Ends these sessions: their tokens are dead, and nothing can be refreshed in them.
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

    /// Ends the session of what was used a second time, if it has not ended yet, and writes down who
    /// came with it.
    pub(in crate::store) fn end_what_was_reused(
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
            self.append_event(conn, &of_session(&session, "refresh", by, Outcome::Reused))?;
        }
        self.end_sessions(conn, &[id], changes)
    }

    /// Ends a session, and when it is a browser's also what clients got in it, but for those that
    /// may go on while the user is away (OpenID Connect Core §11).
    pub(in crate::store) fn end_session_and_what_hangs_on_it(
        &self,
        conn: &mut Connection,
        id: SessionId,
        changes: &mut Changes,
    ) -> Result<(), StoreError> {
        let in_it: Vec<(SessionId, Option<String>)> = on!(conn, |c| sessions::table
            .filter(sessions::parent_id.eq(id))
            .select((sessions::id, sessions::scope))
            .load(c))?;
        let stays = |scope: &Option<String>| {
            scope.as_deref().unwrap_or_default().split(' ').any(|name| name == OFFLINE_ACCESS.as_str())
        };
        let mut ended: Vec<SessionId> =
            in_it.into_iter().filter(|(_, scope)| !stays(scope)).map(|(id, _)| id).collect();
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
