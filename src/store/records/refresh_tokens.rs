//! Refresh tokens (RFC 6749 §6): each is good for one use, and followed by the next. A session is
//! the family of its refresh tokens; a second use of one ends it (RFC 9700 §4.14.2).

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;

use super::sessions::{Entitled, SessionBinding, SessionRow, of_session};
use super::users as accounts;
use crate::authz::{Actor, Outcome, ScopeSet};
use crate::domain::{ClientId, Origin, SecretHash, Session, Status, Thumbprint, Time};
use crate::on;
use crate::store::changes::Changes;
use crate::store::engine::connection::Connection;
use crate::store::engine::error::StoreError;
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema::{refresh_tokens as tokens, sessions};
use crate::store::shared::Shared;
use crate::store::trusted::TrustedStore;

/// For so long the very last exchange may be repeated, as when its answer was lost on the way.
const REPEATABLE: TimeDelta = TimeDelta::seconds(10);

/// Who refreshes.
pub(crate) struct RefreshedBy {
    /// The client that proved who it is.
    pub(crate) client: ClientId,
    /// All that it is registered for.
    pub(crate) registered: ScopeSet,
    /// The key that it proved to have (RFC 9449 §5).
    pub(crate) dpop_jkt: Option<Thumbprint>,
    /// Whether it is public: its refresh tokens are bound to the key, those of others to the client
    /// (RFC 9449 §5).
    pub(crate) is_public: bool,
    /// Where the token is to be taken, if that is said again (RFC 8707 §2.2).
    pub(crate) resource: Option<String>,
    /// Where it calls from.
    pub(crate) origin: Origin,
}

/// Why a refresh token is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefreshRefused {
    /// There is no such token, or it is another client's, or its time is over.
    Unknown,
    /// It was used before: everything of its session is dead now.
    Reused,
    /// It is bound to a key that was not shown.
    Key,
    /// Nothing of the scope that is asked for can be granted.
    Scope,
    /// The user let the client in for another resource.
    Target,
}

/// A token as it is kept, with its session.
pub(crate) struct KnownRefreshToken {
    /// Its session.
    pub(crate) session: Session,
    /// How the session is bound.
    pub(in crate::store) binding: SessionBinding,
    /// When it was used, if it was.
    used_at: Option<DateTime<Utc>>,
    /// What the use was answered with, sealed.
    answer: Option<Vec<u8>>,
    /// Until when it is good.
    pub(crate) expires_at: DateTime<Utc>,
}

impl KnownRefreshToken {
    /// Whether it was not used yet.
    pub(crate) fn is_fresh(&self) -> bool {
        self.used_at.is_none()
    }

    /// Names of the scopes that it was granted.
    pub(crate) fn scope(&self) -> &str {
        self.binding.scope.as_deref().unwrap_or_default()
    }
}

impl TrustedStore {
    /// Exchanges a refresh token for what `issue` makes: an answer, sealed so that only the token
    /// itself opens it. A repetition of the very last exchange gets the same answer. `narrow` is
    /// asked what of the grantable scope is asked for.
    ///
    /// # Errors
    /// When the database is away, or what `issue` fails with.
    pub(crate) async fn refresh(
        &self,
        token: SecretHash,
        successor: SecretHash,
        by: RefreshedBy,
        narrow: impl Fn(&ScopeSet) -> Option<ScopeSet> + Send + 'static,
        issue: impl Fn(&Entitled) -> Result<Vec<u8>, StoreError> + Send + 'static,
    ) -> Result<Result<Vec<u8>, RefreshRefused>, StoreError> {
        let inner = self.shared().clone();
        self.write(None, move |conn, changes| {
            let now = inner.now();
            let Some(known) = load(conn, &token, now)? else { return Ok(Err(RefreshRefused::Unknown)) };
            if known.session.client_id.as_ref() != Some(&by.client) {
                return Ok(Err(RefreshRefused::Unknown));
            }
            if by.is_public && known.binding.dpop_jkt.is_some() && known.binding.dpop_jkt != by.dpop_jkt {
                return Ok(Err(RefreshRefused::Key));
            }
            if by.resource.is_some() && by.resource != known.binding.resource {
                return Ok(Err(RefreshRefused::Target));
            }
            let user = accounts::load(conn, &inner.vocabulary, known.session.user_id)?;
            let Some(user) = user.filter(|user| user.status == Status::Active) else {
                return Ok(Err(RefreshRefused::Unknown));
            };
            let consented = inner.vocabulary.scopes_in(known.binding.scope.as_deref().unwrap_or_default());
            let grantable = consented
                .intersection(&by.registered)
                .intersection(&inner.vocabulary.granted_by(&user.roles));
            let Some(scope) = narrow(&grantable) else { return Ok(Err(RefreshRefused::Scope)) };
            if !take(conn, &token, now)? {
                let by = Actor::Anonymous(by.origin.clone(), Some(by.client.clone()));
                return inner.repeat(conn, &token, now, by, changes);
            }
            let session = inner.refreshed(conn, known.session, &successor, now)?;
            let (resource, dpop_jkt) = (known.binding.resource, by.dpop_jkt.clone());
            let entitled =
                Entitled { session, roles: user.roles, epoch: user.epoch, scope, resource, dpop_jkt };
            let answer = issue(&entitled)?;
            on!(conn, |c| update(tokens::table.find(token.as_bytes().as_slice()))
                .set(tokens::answer.eq(Some(&answer)))
                .execute(c))?;
            Ok(Ok(answer))
        })
        .await
    }
}

impl TrustedStore {
    /// The refresh token with this hash, if its time is not over.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn refresh_token(
        &self,
        token: SecretHash,
    ) -> Result<Option<KnownRefreshToken>, StoreError> {
        let now = self.shared().now();
        self.read(move |conn| load(conn, &token, now)).await
    }

    /// Ends the session of a refresh token that is this client's (RFC 7009 §2.1); whether there was
    /// one.
    ///
    /// # Errors
    /// When the database is away; then the session goes on.
    pub(crate) async fn revoke_refresh_token(
        &self,
        token: SecretHash,
        client: ClientId,
        origin: Origin,
    ) -> Result<bool, StoreError> {
        let inner = self.shared().clone();
        self.write(None, move |conn, changes| {
            let now = inner.now();
            let known = load(conn, &token, now)?.map(|known| known.session);
            let Some(session) = known.filter(|session| session.client_id.as_ref() == Some(&client)) else {
                return Ok(false);
            };
            inner.end_sessions(conn, &[session.id], changes)?;
            let by = Actor::Anonymous(origin.clone(), Some(client.clone()));
            inner.append_event(conn, &of_session(&session, "revoke", by, Outcome::Done))?;
            Ok(true)
        })
        .await
    }
}

impl Shared {
    /// When the next refresh token of a session expires: it never outlives the session's own time.
    pub(in crate::store) fn next_refresh_expiry(&self, session: &Session) -> DateTime<Utc> {
        let end = session.created_at + self.lifetimes.session;
        end.min(session.last_used_at + self.lifetimes.refresh_token)
    }

    /// The session, used once more: its next refresh token takes the place of all before it.
    fn refreshed(
        &self,
        conn: &mut Connection,
        session: Session,
        successor: &SecretHash,
        now: DateTime<Utc>,
    ) -> Result<Session, StoreError> {
        let mut session = Session { last_used_at: now, ..session };
        session.expires_at = self.next_refresh_expiry(&session);
        // What came before the token that is used now was received: its answer is not asked for again.
        let answered =
            tokens::table.filter(tokens::session_id.eq(session.id)).filter(tokens::answer.is_not_null());
        on!(conn, |c| update(answered).set(tokens::answer.eq(None::<Vec<u8>>)).execute(c))?;
        insert(conn, successor, &session)?;
        on!(conn, |c| update(sessions::table.find(session.id))
            .set((sessions::last_used_at.eq(Time(now)), sessions::expires_at.eq(Time(session.expires_at))))
            .execute(c))?;
        Ok(session)
    }

    /// A token that was used before: the answer of the very last exchange once more, or the end of
    /// the family.
    fn repeat(
        &self,
        conn: &mut Connection,
        token: &SecretHash,
        now: DateTime<Utc>,
        by: Actor,
        changes: &mut Changes,
    ) -> Result<Result<Vec<u8>, RefreshRefused>, StoreError> {
        // Read anew: another replica may have used it while this one waited for its turn.
        let Some(known) = load(conn, token, now)? else { return Ok(Err(RefreshRefused::Unknown)) };
        let lately = known.used_at.is_some_and(|at| now < at + REPEATABLE);
        match known.answer {
            Some(answer) if lately => Ok(Ok(answer)),
            _ => {
                self.end_what_was_reused(conn, known.session.id, by, changes)?;
                Ok(Err(RefreshRefused::Reused))
            }
        }
    }
}

fn load(
    conn: &mut Connection,
    token: &SecretHash,
    now: DateTime<Utc>,
) -> Result<Option<KnownRefreshToken>, StoreError> {
    type Row = (Option<Time>, Option<Vec<u8>>, Time, SessionRow);
    let row: Option<Row> = on!(conn, |c| tokens::table
        .inner_join(sessions::table)
        .filter(tokens::hash.eq(token.as_bytes().as_slice()))
        .filter(tokens::expires_at.gt(Time(now)))
        .select((tokens::used_at, tokens::answer, tokens::expires_at, SessionRow::as_select()))
        .get_result(c)
        .optional())?;
    Ok(row.map(|(used_at, answer, expires_at, session)| {
        let (session, binding) = session.read();
        let (used_at, expires_at) = (used_at.map(|time| time.0), expires_at.0);
        KnownRefreshToken { session, binding, used_at, answer, expires_at }
    }))
}

/// Whether this is the first use.
fn take(conn: &mut Connection, token: &SecretHash, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let unused = tokens::table.find(token.as_bytes().as_slice()).filter(tokens::used_at.is_null());
    let rows = on!(conn, |c| update(unused).set(tokens::used_at.eq(Some(Time(now)))).execute(c))?;
    Ok(rows == 1)
}

/// Keeps a new token, which expires with its session.
pub(in crate::store) fn insert(
    conn: &mut Connection,
    token: &SecretHash,
    session: &Session,
) -> Result<(), StoreError> {
    let row = (
        tokens::hash.eq(token.as_bytes().as_slice()),
        tokens::session_id.eq(session.id),
        tokens::expires_at.eq(Time(session.expires_at)),
    );
    on!(conn, |c| diesel::insert_into(tokens::table).values(row).execute(c))?;
    Ok(())
}

/// Forgets tokens whose time is over.
pub(in crate::store) fn prune(conn: &mut Connection, now: DateTime<Utc>) -> Result<(), StoreError> {
    on!(conn, |c| diesel::delete(tokens::table.filter(tokens::expires_at.le(Time(now)))).execute(c))?;
    Ok(())
}
