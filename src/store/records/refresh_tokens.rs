//! Refresh tokens (RFC 6749 §6), with rotation: each is valid for one use and replaced by the next. The tokens of
//! a session are a family. Reuse of one ends the session (RFC 9700 §4.14.2), except that the last exchange may be
//! repeated by a client that lost the response.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::refresh_token_rows::{KnownRefreshToken, insert, load, mark_used};
use super::session_rows::session_event;
use super::used_jtis::OneTimeJwts;
use super::user_rows;
use crate::authz::{Actor, Outcome, ScopeSet};
use crate::domain::{ClientId, Origin, SecretHash, Session, Status, Thumbprint, Time, User};
use crate::on;
use crate::store::changes::Changes;
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema::{refresh_tokens as tokens, sessions};
use crate::store::shared::Shared;
use crate::store::{Connection, Settled, StoreError, TokenSession, TrustedStore};

/// The client and the parameters of a refresh request.
pub(crate) struct RefreshRequest {
    /// The authenticated client.
    pub(crate) client: ClientId,
    /// Epoch of the client. None for this server's own client.
    pub(crate) client_epoch: Option<i64>,
    /// Scopes for which the client is registered.
    pub(crate) registered: ScopeSet,
    /// Thumbprint of the key in the DPoP proof (RFC 9449 §5).
    pub(crate) dpop_jkt: Option<Thumbprint>,
    /// JWTs that the grant uses up.
    pub(crate) one_time: OneTimeJwts,
    /// True for a public client: its refresh tokens are bound to the key, those of others to the client
    /// (RFC 9449 §5).
    pub(crate) is_public: bool,
    /// Resource of the request, if it names one (RFC 8707 §2.2).
    pub(crate) resource: Option<String>,
    /// Set when the request is refused whatever its token. Reuse of the token is detected nevertheless.
    pub(crate) has_fault: bool,
    /// Origin of the request.
    pub(crate) origin: Origin,
}

/// The token that replaces an exchanged one.
pub(crate) struct NewRefreshToken {
    /// Its hash.
    pub(crate) hash: SecretHash,
    /// The token, sealed so that only the exchanged one opens it.
    pub(crate) sealed: Vec<u8>,
}

/// An exchange, or the repetition of one.
pub(crate) struct Exchanged {
    /// The session in which the access token is issued.
    pub(crate) token_session: TokenSession,
    /// The successor, sealed. A repetition has that of the exchange.
    pub(crate) successor: Vec<u8>,
}

/// Reason why a refresh token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefreshRefused {
    /// It does not exist, has expired, or belongs to another client or to a user who is not active.
    Unknown,
    /// It was used before. Its session has ended.
    Reused,
    /// The request has a fault of its own.
    Fault,
    /// It is bound to a key of which there is no proof.
    Key,
    /// No requested scope can be granted.
    Scope,
    /// The session is for another resource.
    Target,
}

impl TrustedStore {
    /// Exchanges a refresh token for `new`. A repetition of the last exchange gets the successor of that exchange,
    /// and an audit event. `narrow` chooses the requested scopes among those that can be granted. Reuse is looked at
    /// before all else, so that a used token cannot be tried out with a request that is refused for another reason.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub(crate) async fn refresh(
        &self,
        token: SecretHash,
        new: NewRefreshToken,
        by: RefreshRequest,
        narrow: impl Fn(&ScopeSet) -> Option<ScopeSet> + Send + 'static,
    ) -> Result<Settled<Exchanged, RefreshRefused>, StoreError> {
        let shared = self.shared().clone();
        self.write(None, move |conn, changes| {
            let now = shared.now();
            let Some(known) = load(conn, &token, now)? else {
                return Ok(Settled::Refused(RefreshRefused::Unknown));
            };
            let is_theirs = known.session.client_id.as_ref() == Some(&by.client);
            if !is_theirs && !fault!(refresh_of_any_client) {
                return Ok(Settled::Refused(RefreshRefused::Unknown));
            }
            let actor = Actor::Anonymous(by.origin.clone(), Some(by.client.clone()));
            if known.is_reused() && !fault!(refresh_used_twice) {
                shared.end_reused_session(conn, known.session.id, actor, changes)?;
                return Ok(Settled::Refused(RefreshRefused::Reused));
            }
            if by.has_fault {
                return Ok(Settled::Refused(RefreshRefused::Fault));
            }
            if by.is_public && known.binding.dpop_jkt.is_some() && known.binding.dpop_jkt != by.dpop_jkt {
                return Ok(Settled::Refused(RefreshRefused::Key));
            }
            if by.resource.is_some() && by.resource != known.binding.resource {
                return Ok(Settled::Refused(RefreshRefused::Target));
            }
            let user = user_rows::load(conn, &shared.vocabulary, known.session.user_id)?;
            let Some(user) = user.filter(|user| user.status == Status::Active) else {
                return Ok(Settled::Refused(RefreshRefused::Unknown));
            };
            let Some(scope) = narrow(&shared.grantable(&known, &user, &by.registered)) else {
                return Ok(Settled::Refused(RefreshRefused::Scope));
            };
            let (session, successor) = if mark_used(conn, &token, now)? || fault!(refresh_used_twice) {
                (shared.rotate(conn, &token, &known, &new, now)?, new.sealed.clone())
            } else {
                match shared.repeat(conn, &token, now, actor, changes)? {
                    Settled::Granted(repeated) => repeated,
                    Settled::Refused(refused) => return Ok(Settled::Refused(refused)),
                }
            };
            by.one_time.use_up(conn, now)?;
            let token_session = TokenSession {
                session,
                roles: user.roles,
                epoch: user.epoch,
                client_epoch: by.client_epoch,
                scope,
                resource: known.binding.resource,
                dpop_jkt: by.dpop_jkt.clone(),
            };
            Ok(Settled::Granted(Exchanged { token_session, successor }))
        })
        .await
    }
}

impl TrustedStore {
    /// Returns the refresh token with this hash, if it has not expired.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub(crate) async fn refresh_token(
        &self,
        token: SecretHash,
    ) -> Result<Option<KnownRefreshToken>, StoreError> {
        let now = self.shared().now();
        self.read(move |conn| load(conn, &token, now)).await
    }

    /// Returns true if there is such a refresh token, of whichever client, used or not.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub(crate) async fn has_refresh_token(&self, token: SecretHash) -> Result<bool, StoreError> {
        self.read(move |conn| {
            let token = tokens::table.find(token.as_bytes().as_slice());
            Ok(on!(conn, |c| diesel::select(diesel::dsl::exists(token)).get_result(c))?)
        })
        .await
    }

    /// Ends the session of a refresh token of this client (RFC 7009 §2.1). Returns true if there was one.
    /// Uses up the client's assertion in any case, because the request succeeds.
    ///
    /// # Errors
    /// [`StoreError::AssertionUsed`], or if the database is unavailable. Then the session goes on.
    pub(crate) async fn revoke_refresh_token(
        &self,
        token: SecretHash,
        client: ClientId,
        origin: Origin,
        one_time: OneTimeJwts,
    ) -> Result<bool, StoreError> {
        // Anyone can send an unknown token in the name of a public client. It costs no transaction.
        if !self.has_refresh_token(token.clone()).await? {
            self.use_up(one_time).await?;
            return Ok(false);
        }
        let shared = self.shared().clone();
        self.write(None, move |conn, changes| {
            let now = shared.now();
            one_time.use_up(conn, now)?;
            let known = load(conn, &token, now)?.map(|known| known.session);
            let is_theirs = |session: &Session| {
                session.client_id.as_ref() == Some(&client) || fault!(revocation_by_any_client)
            };
            let Some(session) = known.filter(is_theirs) else {
                return Ok(false);
            };
            shared.end_session(conn, session.user_id, session.id, changes)?;
            let by = Actor::Anonymous(origin.clone(), Some(client.clone()));
            shared.append_event(conn, &session_event(&session, "revoke", by, Outcome::Done))?;
            Ok(true)
        })
        .await
    }
}

impl Shared {
    /// Returns the time of expiry of the next refresh token. It never exceeds the lifetime of the session.
    pub(in crate::store) fn next_refresh_expiry(&self, session: &Session) -> DateTime<Utc> {
        self.last_expiry(session).min(session.last_used_at + self.lifetimes.refresh_token)
    }

    /// Returns the time at which a session ends, however often it is used.
    pub(in crate::store) fn last_expiry(&self, session: &Session) -> DateTime<Utc> {
        session.created_at + self.lifetimes.session
    }

    /// Returns the scopes that can be granted: those of the session for which the client is still registered, and that
    /// the user's roles still grant.
    fn grantable(&self, known: &KnownRefreshToken, user: &User, registered: &ScopeSet) -> ScopeSet {
        let consented = self.vocabulary.scopes_in(known.binding.scope.as_deref().unwrap_or_default());
        let consented = if fault!(refreshed_scope_widened) { registered.clone() } else { consented };
        let grantable = consented.intersection(registered);
        match fault!(refreshed_roles_not_limited) {
            true => grantable,
            false => grantable.intersection(&self.vocabulary.granted_by(&user.roles)),
        }
    }

    /// Inserts the next refresh token of a session and extends the session.
    fn rotate(
        &self,
        conn: &mut Connection,
        token: &SecretHash,
        known: &KnownRefreshToken,
        new: &NewRefreshToken,
        now: DateTime<Utc>,
    ) -> Result<Session, StoreError> {
        let mut session = Session { last_used_at: now, ..known.session.clone() };
        session.expires_at = self.next_refresh_expiry(&session);
        // The client has the token of this exchange, so the exchange before it can be repeated no more.
        let answered =
            tokens::table.filter(tokens::session_id.eq(session.id)).filter(tokens::answer.is_not_null());
        if !fault!(repeated_without_end) {
            on!(conn, |c| update(answered).set(tokens::answer.eq(None::<Vec<u8>>)).execute(c))?;
        }
        on!(conn, |c| update(tokens::table.find(token.as_bytes().as_slice()))
            .set(tokens::answer.eq(Some(&new.sealed)))
            .execute(c))?;
        insert(conn, &new.hash, &session, known.generation + 1)?;
        on!(conn, |c| update(sessions::table.find(session.id))
            .set((sessions::last_used_at.eq(Time(now)), sessions::expires_at.eq(Time(session.expires_at))))
            .execute(c))?;
        Ok(session)
    }

    /// Handles a token that was used before: returns the session and the sealed successor of the last exchange, or
    /// ends the session.
    fn repeat(
        &self,
        conn: &mut Connection,
        token: &SecretHash,
        now: DateTime<Utc>,
        by: Actor,
        changes: &mut Changes,
    ) -> Result<Settled<(Session, Vec<u8>), RefreshRefused>, StoreError> {
        // Read again: another replica may have used the token while this one waited for the lock.
        let Some(known) = load(conn, token, now)? else {
            return Ok(Settled::Refused(RefreshRefused::Unknown));
        };
        match known.successor {
            Some(successor) => {
                let event = session_event(&known.session, "refresh", by, Outcome::Repeated);
                self.append_event(conn, &event)?;
                Ok(Settled::Granted((known.session, successor)))
            }
            None => {
                self.end_reused_session(conn, known.session.id, by, changes)?;
                Ok(Settled::Refused(RefreshRefused::Reused))
            }
        }
    }
}
