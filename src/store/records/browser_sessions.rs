//! Browser sessions: users who are signed in at the login page.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::session_rows::{SessionBinding, SessionCookie, SessionRow, session_event};
use super::tombstones::{alive, newest};
use super::user_rows;
use crate::authz::{Actor, Outcome};
use crate::domain::{Device, Origin, SecretHash, Session, Status, Time, User, UserId};
use crate::on;
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema::sessions;
use crate::store::shared::Shared;
use crate::store::{Connection, LoginRefused, Settled, StoreError, TrustedStore, VerifiedPassword};

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
        self.read_by_key(move |conn| {
            let Some(session) = shared.browser_session(conn, &cookie)? else { return Ok(None) };
            let user = user_rows::load(conn, &shared.vocabulary, session.user_id)?;
            Ok(user.filter(|user| user.status == Status::Active).map(|user| SignedIn { session, user }))
        })
        .await
    }

    /// Notes that a request used a browser session, and extends the session as a refresh would. Requests within the
    /// lifetime of an access token are noted once.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub(crate) async fn note_use(&self, session: &Session) -> Result<(), StoreError> {
        let (shared, id, now) = (self.shared(), session.id, self.shared().now());
        let noted_before = now - shared.lifetimes.access_token;
        if session.last_used_at > noted_before {
            return Ok(());
        }
        let expires_at = shared.next_refresh_expiry(&Session { last_used_at: now, ..session.clone() });
        self.write(None, move |conn, _| {
            let unnoted = sessions::table.find(id).filter(sessions::last_used_at.le(Time(noted_before)));
            let used = (sessions::last_used_at.eq(Time(now)), sessions::expires_at.eq(Time(expires_at)));
            on!(conn, |c| update(unnoted).set(used).execute(c))?;
            Ok(())
        })
        .await
    }

    /// Signs in a user whose password was right. `cookie` identifies the browser session, `before` the one that
    /// the browser had. If that was the same user's, it goes on under the new cookie; another user's ends. Returns the
    /// end of a persistent cookie: the session ends then, or earlier if nothing uses it.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub(crate) async fn sign_in(
        &self,
        user: UserId,
        password: VerifiedPassword,
        device: Device,
        cookie: SessionCookie,
        before: Option<SecretHash>,
    ) -> Result<Settled<Option<DateTime<Utc>>, LoginRefused>, StoreError> {
        let origin = device.origin.clone();
        let begun = self.new_session(user, None, device)?;
        let shared = self.shared().clone();
        self.write(None, move |conn, changes| {
            if shared.accept_password(conn, user, &password)?.is_none() {
                return Ok(Settled::Refused(LoginRefused::Account));
            }
            let mut session = Session { expires_at: shared.next_refresh_expiry(&begun), ..begun.clone() };
            let binding = SessionBinding { cookie: Some(cookie.clone()), ..SessionBinding::default() };
            let old = match &before {
                Some(before) => shared.browser_session(conn, before)?,
                None => None,
            };
            match old {
                Some(old) if old.user_id == session.user_id => {
                    session.id = old.id;
                    replace(conn, &session, binding)?;
                }
                old => {
                    if let Some(old) = old {
                        shared.end_session_tree(conn, old.id, changes)?;
                    }
                    shared.insert_session(conn, &session, binding, changes)?;
                }
            }
            shared.record_login(conn, &session, origin.clone())?;
            Ok(Settled::Granted(cookie.is_persistent.then(|| shared.last_expiry(&session))))
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
            .filter(alive!(sessions))
            .select(SessionRow::as_select())
            .get_result(c)
            .optional())?;
        Ok(row.map(|row| row.read().0))
    }
}

/// Replaces a browser session by a new login. It keeps its id, to which the sessions of clients in it refer.
fn replace(conn: &mut Connection, session: &Session, binding: SessionBinding) -> Result<(), StoreError> {
    let row = SessionRow::new(session, binding);
    let replaced = sessions::after_tombstone.eq(newest!());
    on!(conn, |c| update(sessions::table.find(session.id)).set((&row, replaced)).execute(c))?;
    Ok(())
}
