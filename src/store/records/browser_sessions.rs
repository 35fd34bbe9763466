//! Browsers that are signed in at the pages.

use diesel::prelude::*;

use super::logins::LoginRefused;
use super::logins::Proved;
use super::sessions::{SessionBinding, SessionRow, of_session};
use super::users as accounts;
use crate::authz::{Actor, Outcome};
use crate::domain::{Device, Origin, SecretHash, Session, SessionId, Status, Time, User, UserId};
use crate::on;
use crate::store::changes::Changes;
use crate::store::engine::connection::Connection;
use crate::store::engine::error::StoreError;
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema::{authorization_codes, sessions};
use crate::store::shared::Shared;
use crate::store::trusted::TrustedStore;

/// Who is signed in in a browser, and since when.
pub struct SignedIn {
    /// The browser's session.
    pub session: Session,
    /// Who it is, as they are now.
    pub user: User,
}

impl TrustedStore {
    /// Who is signed in in the browser with this cookie.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn signed_in(&self, cookie: SecretHash) -> Result<Option<SignedIn>, StoreError> {
        let inner = self.shared().clone();
        self.read(move |conn| {
            let Some(session) = inner.browser_session(conn, &cookie)? else { return Ok(None) };
            let user = accounts::load(conn, &inner.vocabulary, session.user_id)?;
            Ok(user.filter(|user| user.status == Status::Active).map(|user| SignedIn { session, user }))
        })
        .await
    }

    /// Signs the user in whose password was right, in the browser that gets this cookie. What was
    /// signed in there before goes on as theirs, or ends when it was somebody else's.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn sign_in(
        &self,
        user: UserId,
        proved: Proved,
        device: Device,
        cookie: SecretHash,
        before: Option<SecretHash>,
    ) -> Result<Result<(), LoginRefused>, StoreError> {
        let origin = device.origin.clone();
        let begun = self.new_session(user, None, device)?;
        let inner = self.shared().clone();
        self.write(None, move |conn, changes| {
            if inner.prove(conn, user, &proved)?.is_none() {
                return Ok(Err(LoginRefused::Account));
            }
            inner.logged_in(conn, &begun, origin.clone())?;
            let session = Session { expires_at: inner.next_refresh_expiry(&begun), ..begun.clone() };
            let binding = SessionBinding { cookie: Some(cookie.clone()), ..SessionBinding::default() };
            inner.insert_session(conn, &session, binding)?;
            if let Some(before) = &before {
                inner.take_over(conn, before, &session, changes)?;
            }
            Ok(Ok(()))
        })
        .await
    }

    /// Signs the browser with this cookie out: its session ends, and with it what clients got in it,
    /// but for those that may go on while the user is away.
    ///
    /// # Errors
    /// When the database is away; then nobody was signed out.
    pub(crate) async fn sign_out(&self, cookie: SecretHash, origin: Origin) -> Result<(), StoreError> {
        let inner = self.shared().clone();
        self.write(None, move |conn, changes| {
            let Some(session) = inner.browser_session(conn, &cookie)? else { return Ok(()) };
            let by = Actor::Anonymous(origin.clone(), None);
            inner.append_event(conn, &of_session(&session, "log_out", by, Outcome::Done))?;
            inner.end_session_and_what_hangs_on_it(conn, session.id, changes)
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

    /// A browser's session takes the place of the one that was there.
    fn take_over(
        &self,
        conn: &mut Connection,
        before: &SecretHash,
        session: &Session,
        changes: &mut Changes,
    ) -> Result<(), StoreError> {
        let Some(old) = self.browser_session(conn, before)? else { return Ok(()) };
        if old.user_id != session.user_id {
            return self.end_session_and_what_hangs_on_it(conn, old.id, changes);
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
