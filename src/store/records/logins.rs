//! Logins: a password was right, and a session begins.

use diesel::prelude::*;

use super::rate_limits;
use super::rate_limits::Counted;
use super::sessions::{Entitled, SessionBinding, of_session};
use super::{refresh_tokens, users as accounts};
use crate::authz::{Actor, Outcome, ScopeSet};
use crate::domain::{
    ClientId, Device, Origin, PasswordHash, SecretHash, Session, SessionId, Status, Time, User, UserId,
};
use crate::on;
use crate::store::engine::connection::Connection;
use crate::store::engine::error::StoreError;
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema::users;
use crate::store::handle::Store;
use crate::store::shared::Shared;
use crate::store::trusted::TrustedStore;

/// A password that was right.
pub(crate) struct Proved {
    /// The hash that it was compared with.
    pub hash: PasswordHash,
    /// A hash of the same password with the parameters of today, where they are others.
    pub upgraded: Option<PasswordHash>,
    /// The guess that it was.
    pub counted: Counted,
}

/// Why no session begins, though the password was right.
#[derive(Debug)]
pub enum LoginRefused {
    /// The account cannot be logged in to: it is suspended, gone, or its password was changed while
    /// this login was being checked.
    Account,
    /// Nothing of the scope that was asked for can be granted.
    Scope,
}

impl Store {
    /// A session of the user's that begins now, and lasts as long as an access token.
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

impl TrustedStore {
    /// Begins a session of the first-party client for the user whose password was right, with a
    /// refresh token of which this is the hash. `grant` is asked what it may carry, of all that the
    /// user's roles grant.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn begin_session(
        &self,
        user: UserId,
        proved: Proved,
        device: Device,
        refresh: SecretHash,
        grant: impl Fn(&ScopeSet) -> Option<ScopeSet> + Send + 'static,
    ) -> Result<Result<Entitled, LoginRefused>, StoreError> {
        let origin = device.origin.clone();
        let begun = self.new_session(user, Some(ClientId::first_party()), device)?;
        let inner = self.shared().clone();
        self.write(None, move |conn, _| {
            let Some(user) = inner.prove(conn, user, &proved)? else { return Ok(Err(LoginRefused::Account)) };
            let Some(scope) = grant(&inner.vocabulary.granted_by(&user.roles)) else {
                return Ok(Err(LoginRefused::Scope));
            };
            // Only now has anybody logged in.
            inner.logged_in(conn, &begun, origin.clone())?;
            let session = Session { expires_at: inner.next_refresh_expiry(&begun), ..begun.clone() };
            let binding = SessionBinding { scope: Some(scope.to_string()), ..SessionBinding::default() };
            inner.insert_session(conn, &session, binding)?;
            refresh_tokens::insert(conn, &refresh, &session)?;
            Ok(Ok(Entitled {
                session,
                roles: user.roles,
                epoch: user.epoch,
                scope,
                resource: None,
                dpop_jkt: None,
            }))
        })
        .await
    }
}

impl Shared {
    /// The user as they are, provided that the account is in use and its password is still the one
    /// that was proved; a hash with the parameters of today takes the place of an older one.
    pub(in crate::store) fn prove(
        &self,
        conn: &mut Connection,
        id: UserId,
        proved: &Proved,
    ) -> Result<Option<User>, StoreError> {
        rate_limits::take_back(conn, &proved.counted)?;
        let kept = proved.upgraded.as_ref().unwrap_or(&proved.hash);
        let this = users::table
            .filter(users::id.eq(id))
            .filter(users::password_hash.eq(proved.hash.expose_phc()))
            .filter(users::status.eq(Status::Active.as_str()));
        let kept = users::password_hash.eq(kept.expose_phc());
        let rows = on!(conn, |c| update(this).set(kept).execute(c))?;
        if rows == 1 { accounts::load(conn, &self.vocabulary, id) } else { Ok(None) }
    }

    /// Writes down that the user logged in.
    pub(in crate::store) fn logged_in(
        &self,
        conn: &mut Connection,
        session: &Session,
        origin: Origin,
    ) -> Result<(), StoreError> {
        let (user, now) = (session.user_id, Time(session.created_at));
        on!(conn, |c| update(users::table.find(user)).set(users::last_login_at.eq(now)).execute(c))?;
        let by = Actor::Anonymous(origin, session.client_id.clone());
        self.append_event(conn, &of_session(session, "log_in", by, Outcome::Done))
    }
}
