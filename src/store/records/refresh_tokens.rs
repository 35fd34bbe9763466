//! Refresh tokens (RFC 6749 §6), with rotation: each is valid for one use and replaced by the next. The tokens of
//! a session are a family. Reuse of one ends the session (RFC 9700 §4.14.2).

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;

use super::refresh_token_rows::{KnownRefreshToken, insert, load, mark_used};
use super::session_rows::session_event;
use super::used_jtis::OneTimeJwts;
use super::user_rows;
use crate::authz::{Actor, Outcome, ScopeSet};
use crate::domain::{ClientId, Origin, SecretHash, Session, Status, Thumbprint, Time};
use crate::on;
use crate::store::changes::Changes;
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema::{refresh_tokens as tokens, sessions};
use crate::store::shared::Shared;
use crate::store::{Connection, StoreError, TokenSession, TrustedStore};

/// Time during which the last exchange may be repeated, for a client that lost the response.
const REPEAT_WINDOW: TimeDelta = TimeDelta::seconds(10);

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
    /// Exchanges a refresh token for the response that `issue` returns, sealed so that only the token itself opens
    /// it. A repetition of the last exchange gets the same response. `narrow` chooses the requested scopes among
    /// those that can be granted. Reuse is looked at before all else, so that a used token cannot be tried out with
    /// a request that is refused for another reason.
    ///
    /// # Errors
    /// If the database is unavailable, or the error of `issue`.
    pub(crate) async fn refresh(
        &self,
        token: SecretHash,
        successor: SecretHash,
        by: RefreshRequest,
        narrow: impl Fn(&ScopeSet) -> Option<ScopeSet> + Send + 'static,
        issue: impl Fn(&TokenSession) -> Result<Vec<u8>, StoreError> + Send + 'static,
    ) -> Result<Result<Vec<u8>, RefreshRefused>, StoreError> {
        let shared = self.shared().clone();
        self.write(None, move |conn, changes| {
            let now = shared.now();
            let Some(known) = load(conn, &token, now)? else { return Ok(Err(RefreshRefused::Unknown)) };
            if known.session.client_id.as_ref() != Some(&by.client) {
                return Ok(Err(RefreshRefused::Unknown));
            }
            let actor = Actor::Anonymous(by.origin.clone(), Some(by.client.clone()));
            if !known.is_fresh() && last_answer(&known, now).is_none() {
                shared.end_reused_session(conn, known.session.id, actor, changes)?;
                return Ok(Err(RefreshRefused::Reused));
            }
            if by.has_fault {
                return Ok(Err(RefreshRefused::Fault));
            }
            if by.is_public && known.binding.dpop_jkt.is_some() && known.binding.dpop_jkt != by.dpop_jkt {
                return Ok(Err(RefreshRefused::Key));
            }
            if by.resource.is_some() && by.resource != known.binding.resource {
                return Ok(Err(RefreshRefused::Target));
            }
            let user = user_rows::load(conn, &shared.vocabulary, known.session.user_id)?;
            let Some(user) = user.filter(|user| user.status == Status::Active) else {
                return Ok(Err(RefreshRefused::Unknown));
            };
            let consented = shared.vocabulary.scopes_in(known.binding.scope.as_deref().unwrap_or_default());
            let grantable = consented
                .intersection(&by.registered)
                .intersection(&shared.vocabulary.granted_by(&user.roles));
            let Some(scope) = narrow(&grantable) else { return Ok(Err(RefreshRefused::Scope)) };
            if !mark_used(conn, &token, now)? {
                let repeated = shared.repeat(conn, &token, now, actor, changes)?;
                if repeated.is_ok() {
                    by.one_time.use_up(conn, now)?;
                }
                return Ok(repeated);
            }
            by.one_time.use_up(conn, now)?;
            let session = shared.rotate(conn, known.session, &successor, known.generation + 1, now)?;
            let token_session = TokenSession {
                session,
                roles: user.roles,
                epoch: user.epoch,
                client_epoch: by.client_epoch,
                scope,
                resource: known.binding.resource,
                dpop_jkt: by.dpop_jkt.clone(),
            };
            let answer = issue(&token_session)?;
            on!(conn, |c| update(tokens::table.find(token.as_bytes().as_slice()))
                .set(tokens::answer.eq(Some(&answer)))
                .execute(c))?;
            Ok(Ok(answer))
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
            let Some(session) = known.filter(|session| session.client_id.as_ref() == Some(&client)) else {
                return Ok(false);
            };
            shared.end_session(conn, session.id, changes)?;
            let by = Actor::Anonymous(origin.clone(), Some(client.clone()));
            shared.append_event(conn, &session_event(&session, "revoke", by, Outcome::Done))?;
            Ok(true)
        })
        .await
    }
}

/// Returns the response to the exchange of a used token, if it was the last exchange and may be repeated.
fn last_answer(known: &KnownRefreshToken, now: DateTime<Utc>) -> Option<&[u8]> {
    let is_recent = known.used_at.is_some_and(|at| now < at + REPEAT_WINDOW);
    known.answer.as_deref().filter(|_| is_recent)
}

impl Shared {
    /// Returns the time of expiry of the next refresh token. It never exceeds the lifetime of the session.
    pub(in crate::store) fn next_refresh_expiry(&self, session: &Session) -> DateTime<Utc> {
        let end = session.created_at + self.lifetimes.session;
        end.min(session.last_used_at + self.lifetimes.refresh_token)
    }

    /// Inserts the next refresh token of a session and extends the session.
    fn rotate(
        &self,
        conn: &mut Connection,
        session: Session,
        successor: &SecretHash,
        generation: i64,
        now: DateTime<Utc>,
    ) -> Result<Session, StoreError> {
        let mut session = Session { last_used_at: now, ..session };
        session.expires_at = self.next_refresh_expiry(&session);
        // The client has the token of this exchange, so it received the responses before: they are deleted.
        let answered =
            tokens::table.filter(tokens::session_id.eq(session.id)).filter(tokens::answer.is_not_null());
        on!(conn, |c| update(answered).set(tokens::answer.eq(None::<Vec<u8>>)).execute(c))?;
        insert(conn, successor, &session, generation)?;
        on!(conn, |c| update(sessions::table.find(session.id))
            .set((sessions::last_used_at.eq(Time(now)), sessions::expires_at.eq(Time(session.expires_at))))
            .execute(c))?;
        Ok(session)
    }

    /// Handles a token that was used before: repeats the response of the last exchange, or ends the session.
    fn repeat(
        &self,
        conn: &mut Connection,
        token: &SecretHash,
        now: DateTime<Utc>,
        by: Actor,
        changes: &mut Changes,
    ) -> Result<Result<Vec<u8>, RefreshRefused>, StoreError> {
        // Read again: another replica may have used the token while this one waited for the lock.
        let Some(known) = load(conn, token, now)? else { return Ok(Err(RefreshRefused::Unknown)) };
        match last_answer(&known, now) {
            Some(answer) => Ok(Ok(answer.to_vec())),
            None => {
                self.end_reused_session(conn, known.session.id, by, changes)?;
                Ok(Err(RefreshRefused::Reused))
            }
        }
    }
}
