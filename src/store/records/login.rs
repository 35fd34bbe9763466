//! Logins: the password was right, and a session begins.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::rate_limits;
use super::session_rows::{SessionBinding, SessionRow, session_event};
use super::tombstones::alive;
use super::{refresh_token_rows, user_rows};
use crate::authz::{Actor, Caller, Outcome, ScopeSet};
use crate::domain::{
    ClientId, Device, Origin, PasswordHash, SecretHash, Session, SessionId, Status, Time, User, UserId,
};
use crate::on;
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema::{sessions, users};
use crate::store::renewed::Authorization;
use crate::store::shared::Shared;
use crate::store::{Connection, CountedAttempt, Settled, Store, StoreError, TokenSession, TrustedStore};

/// A password that matched the stored hash.
pub(crate) struct VerifiedPassword {
    /// The hash that it matched.
    pub hash: PasswordHash,
    /// Hash of the same password with the current parameters, if the stored one has others.
    pub rehashed: Option<PasswordHash>,
    /// The attempt, which is refunded when the login is accepted.
    pub attempt: CountedAttempt,
}

/// Reason why no session begins though the password was right.
#[derive(Debug)]
pub enum LoginRefused {
    /// The account is suspended or deleted, or its password was changed during this login.
    Account,
    /// No requested scope can be granted.
    Scope,
}

impl TrustedStore {
    /// Begins a session of the first-party client for a user whose password was right. `refresh` is the hash of
    /// its first refresh token. `grant` chooses among the scopes that the user's roles grant.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub(crate) async fn begin_session(
        &self,
        user: UserId,
        password: VerifiedPassword,
        device: Device,
        refresh: SecretHash,
        grant: impl Fn(&ScopeSet) -> Option<ScopeSet> + Send + 'static,
    ) -> Result<Settled<TokenSession, LoginRefused>, StoreError> {
        let origin = device.origin.clone();
        let begun = self.new_session(user, Some(ClientId::first_party()), device)?;
        let shared = self.shared().clone();
        self.write(None, move |conn, changes| {
            let Some(user) = shared.accept_password(conn, user, &password)? else {
                return Ok(Settled::Refused(LoginRefused::Account));
            };
            let Some(scope) = grant(&shared.vocabulary.granted_by(&user.roles)) else {
                return Ok(Settled::Refused(LoginRefused::Scope));
            };
            shared.record_login(conn, &begun, origin.clone())?;
            let session = Session { expires_at: shared.next_refresh_expiry(&begun), ..begun.clone() };
            let binding = SessionBinding { scope: Some(scope.to_string()), ..SessionBinding::default() };
            shared.insert_session(conn, &session, binding, changes)?;
            refresh_token_rows::insert(conn, &refresh, &session, 0)?;
            let (roles, epoch) = (user.roles, user.epoch);
            Ok(Settled::Granted(TokenSession {
                session,
                roles,
                epoch,
                client_epoch: None,
                scope,
                resource: None,
                dpop_jkt: None,
            }))
        })
        .await
    }

    /// Sets the time of authentication of the session of this token, whose user's password was right again.
    /// Returns the session for a token with the same scopes.
    ///
    /// # Errors
    /// [`StoreError::Revoked`], or if the database is unavailable.
    pub(crate) async fn authenticate_again(
        &self,
        caller: &Caller,
        own: (UserId, SessionId),
        password: VerifiedPassword,
    ) -> Result<Settled<TokenSession, LoginRefused>, StoreError> {
        let (shared, caller) = (self.shared().clone(), caller.clone());
        // The password waited in the hash queue, so the token is looked at again.
        let by = Authorization::with_event(&caller, None);
        Store::write(self, by, move |conn, _| {
            let authenticated = shared.authenticate_session(conn, &caller, own, &password)?;
            let Some((session, user, binding)) = authenticated else {
                return Ok(Settled::Refused(LoginRefused::Account));
            };
            Ok(Settled::Granted(TokenSession {
                session,
                scope: caller.scope().intersection(&shared.vocabulary.granted_by(&user.roles)),
                roles: user.roles,
                epoch: user.epoch,
                client_epoch: None,
                resource: binding.resource,
                dpop_jkt: binding.dpop_jkt,
            }))
        })
        .await
    }

    /// Sets the time of authentication of this browser session, whose user's password was right again, and replaces
    /// the secret of its cookie. Returns the end of a persistent cookie.
    ///
    /// # Errors
    /// [`StoreError::Revoked`], or if the database is unavailable.
    pub(crate) async fn authenticate_browser_again(
        &self,
        caller: &Caller,
        own: (UserId, SessionId),
        password: VerifiedPassword,
        cookie: SecretHash,
    ) -> Result<Settled<Option<DateTime<Utc>>, LoginRefused>, StoreError> {
        let (shared, caller) = (self.shared().clone(), caller.clone());
        let by = Authorization::with_event(&caller, None);
        Store::write(self, by, move |conn, _| {
            let authenticated = shared.authenticate_session(conn, &caller, own, &password)?;
            let Some((session, _, SessionBinding { cookie: Some(old), .. })) = authenticated else {
                return Ok(Settled::Refused(LoginRefused::Account));
            };
            let replaced = sessions::cookie_hash.eq(Some(cookie.as_bytes().to_vec()));
            on!(conn, |c| update(sessions::table.find(session.id)).set(replaced).execute(c))?;
            Ok(Settled::Granted(old.is_persistent.then(|| shared.last_expiry(&session))))
        })
        .await
    }

    /// Returns a session that begins now and lasts as long as an access token.
    pub(in crate::store) fn new_session(
        &self,
        user_id: UserId,
        client_id: Option<ClientId>,
        device: Device,
    ) -> Result<Session, StoreError> {
        let now = self.shared().now();
        Ok(Session {
            id: SessionId(self.shared().new_uuid(now)?),
            user_id,
            client_id,
            device: device.name,
            address: device.origin.address.map(|address| address.to_string()),
            created_at: now,
            auth_time: now,
            last_used_at: now,
            expires_at: now + self.shared().lifetimes.access_token,
        })
    }
}

impl Shared {
    /// Returns the current user if the account is active and still has the password that was verified. Only then
    /// the attempt is refunded. Replaces a hash with outdated parameters.
    pub(in crate::store) fn accept_password(
        &self,
        conn: &mut Connection,
        id: UserId,
        password: &VerifiedPassword,
    ) -> Result<Option<User>, StoreError> {
        let hash = password.rehashed.as_ref().unwrap_or(&password.hash);
        let unchanged = users::table
            .filter(users::id.eq(id))
            .filter(users::password_hash.eq(password.hash.expose_phc()))
            .filter(users::status.eq(Status::Active.as_str()));
        let hash = users::password_hash.eq(hash.expose_phc());
        let rows = on!(conn, |c| update(unchanged).set(hash).execute(c))?;
        if rows != 1 && !fault!(suspended_login) {
            return Ok(None);
        }
        rate_limits::refund(conn, &password.attempt)?;
        user_rows::load(conn, &self.vocabulary, id)
    }

    /// Sets the time of authentication of a session whose user's password was right again. Returns the session, its
    /// user and its binding. `None` if one of them has ended.
    fn authenticate_session(
        &self,
        conn: &mut Connection,
        caller: &Caller,
        (user, session): (UserId, SessionId),
        password: &VerifiedPassword,
    ) -> Result<Option<(Session, User, SessionBinding)>, StoreError> {
        let now = self.now();
        let Some(user) = self.accept_password(conn, user, password)? else { return Ok(None) };
        let own = sessions::table.filter(sessions::id.eq(session)).filter(sessions::user_id.eq(user.id));
        let alive = own.filter(sessions::expires_at.gt(Time(now))).filter(alive!(sessions));
        let row: Option<SessionRow> =
            on!(conn, |c| alive.select(SessionRow::as_select()).get_result(c).optional())?;
        let Some((session, binding)) = row.map(SessionRow::read) else { return Ok(None) };
        let authenticated = sessions::auth_time.eq(Time(now));
        on!(conn, |c| update(sessions::table.find(session.id)).set(authenticated).execute(c))?;
        let by = Actor::Caller(caller.clone());
        self.append_event(conn, &session_event(&session, "authenticate", by, Outcome::Done))?;
        Ok(Some((Session { auth_time: now, ..session }, user, binding)))
    }

    /// Records the time of the login and its audit event.
    pub(in crate::store) fn record_login(
        &self,
        conn: &mut Connection,
        session: &Session,
        origin: Origin,
    ) -> Result<(), StoreError> {
        let (user, now) = (session.user_id, Time(session.created_at));
        on!(conn, |c| update(users::table.find(user)).set(users::last_login_at.eq(now)).execute(c))?;
        if fault!(login_not_written) {
            return Ok(());
        }
        let by = Actor::Anonymous(origin, session.client_id.clone());
        self.append_event(conn, &session_event(session, "log_in", by, Outcome::Done))
    }
}
