//! Browser sessions: users who are signed in at the login page.

use diesel::prelude::*;

use super::session_rows::{SessionBinding, SessionRow, session_event};
use super::user_rows;
use crate::authz::{Actor, Outcome};
use crate::domain::{Device, Origin, SecretHash, Session, SessionId, Status, Time, User, UserId};
use crate::on;
use crate::store::changes::Changes;
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema::{authorization_codes, sessions};
use crate::store::shared::Shared;
use crate::store::{Connection, LoginRefused, StoreError, TrustedStore, VerifiedPassword};

/// The user who is signed in in a browser.
pub struct SignedIn {
    /// The browser session.
    pub session: Session,
    /// The current user.
    pub user: User,
}

impl TrustedStore {
    /// Returns the user who is signed in in the browser with this cookie.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub(crate) async fn signed_in(&self, cookie: SecretHash) -> Result<Option<SignedIn>, StoreError> {
        let shared = self.shared().clone();
        self.read(move |conn| {
            let Some(session) = shared.browser_session(conn, &cookie)? else { return Ok(None) };
            let user = user_rows::load(conn, &shared.vocabulary, session.user_id)?;
            Ok(user.filter(|user| user.status == Status::Active).map(|user| SignedIn { session, user }))
        })
        .await
    }

    /// Signs in a user whose password was right. `cookie` identifies the new browser session, `before` the one
    /// that the browser had: it is replaced if it was the same user's, and ends if it was another user's.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub(crate) async fn sign_in(
        &self,
        user: UserId,
        password: VerifiedPassword,
        device: Device,
        cookie: SecretHash,
        before: Option<SecretHash>,
    ) -> Result<Result<(), LoginRefused>, StoreError> {
        let origin = device.origin.clone();
        let begun = self.new_session(user, None, device)?;
        let shared = self.shared().clone();
        self.write(None, move |conn, changes| {
            if shared.accept_password(conn, user, &password)?.is_none() {
                return Ok(Err(LoginRefused::Account));
            }
            shared.record_login(conn, &begun, origin.clone())?;
            let session = Session { expires_at: shared.next_refresh_expiry(&begun), ..begun.clone() };
            let binding = SessionBinding { cookie: Some(cookie.clone()), ..SessionBinding::default() };
            shared.insert_session(conn, &session, binding)?;
            if let Some(before) = &before {
                shared.replace_session(conn, before, &session, changes)?;
            }
            Ok(Ok(()))
        })
        .await
    }

    /// Signs out the browser with this cookie. Its session ends, and the sessions of clients in it, except those
    /// with `offline_access`.
    ///
    /// # Errors
    /// If the database is unavailable. Then the user stays signed in.
    pub(crate) async fn sign_out(&self, cookie: SecretHash, origin: Origin) -> Result<(), StoreError> {
        let shared = self.shared().clone();
        self.write(None, move |conn, changes| {
            let Some(session) = shared.browser_session(conn, &cookie)? else { return Ok(()) };
            let by = Actor::Anonymous(origin.clone(), None);
            shared.append_event(conn, &session_event(&session, "log_out", by, Outcome::Done))?;
            shared.end_session_tree(conn, session.id, changes)
        })
        .await
    }
}

impl Shared {
    fn browser_session(
        &self,
        conn: &mut Connection,
        cookie: &SecretHash,
    ) -> Result<Option<Session>, StoreError> {
        let now = Time(self.now());
        let row: Option<SessionRow> = on!(conn, |c| sessions::table
            .filter(sessions::cookie_hash.eq(cookie.as_bytes().as_slice()))
            .filter(sessions::expires_at.gt(now))
            .select(SessionRow::as_select())
            .get_result(c)
            .optional())?;
        Ok(row.map(|row| row.read().0))
    }

    /// Replaces the former session of a browser: what clients got in it moves to the new one.
    fn replace_session(
        &self,
        conn: &mut Connection,
        before: &SecretHash,
        session: &Session,
        changes: &mut Changes,
    ) -> Result<(), StoreError> {
        let Some(old) = self.browser_session(conn, before)? else { return Ok(()) };
        if old.user_id != session.user_id {
            return self.end_session_tree(conn, old.id, changes);
        }
        let parent: Option<SessionId> = Some(session.id);
        on!(conn, |c| update(sessions::table.filter(sessions::parent_id.eq(old.id)))
            .set(sessions::parent_id.eq(parent))
            .execute(c))?;
        on!(conn, |c| update(authorization_codes::table.filter(authorization_codes::parent_id.eq(old.id)))
            .set(authorization_codes::parent_id.eq(session.id))
            .execute(c))?;
        self.end_sessions(conn, &[old.id], changes)
    }
}
