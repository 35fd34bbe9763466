//! Authorization codes (RFC 6749 §4.1): good for a minute and one use.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::sessions::{Entitled, SessionBinding, SessionRow};
use super::{consents, refresh_tokens, users as accounts};
use crate::authz::{Actor, AuditEvent, Outcome, Resource as _, ScopeSet};
use crate::domain::{
    ClientId, Consent, Origin, SecretHash, Session, SessionId, Status, Thumbprint, Time, User, UserId,
};
use crate::on;
use crate::store::engine::connection::Connection;
use crate::store::engine::error::StoreError;
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema::{authorization_codes as codes, sessions};
use crate::store::shared::Shared;
use crate::store::trusted::TrustedStore;

/// What a code is issued for.
pub(crate) struct NewCode {
    /// Of the code.
    pub(crate) hash: SecretHash,
    /// The client that may redeem it.
    pub(crate) client: ClientId,
    /// The browser in which its user is signed in.
    pub(crate) parent: SessionId,
    /// The user who lets the client in.
    pub(crate) user: UserId,
    /// What the client may do.
    pub(crate) scope: ScopeSet,
    /// What the redemption must fit.
    pub(crate) binding: CodeBinding,
    /// `nonce` of the ID token (OpenID Connect Core §2).
    pub(crate) nonce: Option<String>,
    /// Until when it is good.
    pub(crate) expires_at: DateTime<Utc>,
    /// Where the browser is.
    pub(crate) origin: Origin,
}

/// What the redemption of a code must fit.
#[derive(Clone, Debug)]
pub(crate) struct CodeBinding {
    /// The redirect URI of the request (RFC 6749 §4.1.3).
    pub(crate) redirect_uri: String,
    /// Of the verifier, by S256 (RFC 7636 §4.2).
    pub(crate) code_challenge: String,
    /// The key to which the tokens will be bound, where the request named one (RFC 9449 §10).
    pub(crate) dpop_jkt: Option<Thumbprint>,
    /// Where the tokens are to be taken (RFC 8707), where the request said so.
    pub(crate) resource: Option<String>,
}

/// Who redeems a code.
pub(crate) struct RedeemedBy {
    /// The client that proved who it is.
    pub(crate) client: ClientId,
    /// All that it is registered for.
    pub(crate) registered: ScopeSet,
    /// The key that it proved to have (RFC 9449 §5).
    pub(crate) dpop_jkt: Option<Thumbprint>,
    /// Of its first refresh token, if it gets any.
    pub(crate) refresh: Option<SecretHash>,
    /// Where it calls from.
    pub(crate) origin: Origin,
}

/// Why a code is not redeemed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CodeRefused {
    /// There is no such code, or it is another client's, or its time is over.
    Unknown,
    /// It was used before; what was issued from it is dead now.
    Replayed,
    /// The redemption does not fit it; it is worth nothing any more.
    Unfit,
    /// Its user may not be signed in any more, or nothing of the scope is left.
    Nobody,
}

/// A code that was redeemed: a session, and what the ID token repeats.
pub(crate) struct Redeemed {
    /// The session that began.
    pub(crate) entitled: Entitled,
    /// What the request's `nonce` was.
    pub(crate) nonce: Option<String>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = codes)]
struct CodeRow {
    user_id: UserId,
    parent_id: SessionId,
    redirect_uri: String,
    scope: String,
    code_challenge: String,
    nonce: Option<String>,
    resource: Option<String>,
    dpop_jkt: Option<String>,
}

fn consented(new: &NewCode) -> AuditEvent {
    AuditEvent {
        by: Actor::Anonymous(new.origin.clone(), Some(new.client.clone())),
        action: "consent",
        resource: Consent::NAME,
        record: Some(new.client.to_string()),
        owner: Some(new.user),
        outcome: Outcome::Done,
    }
}

impl TrustedStore {
    /// Issues a code, provided that the user is still signed in in that browser; with `consent`, the
    /// user has just agreed to its scope.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn issue_code(&self, new: NewCode, consent: bool) -> Result<bool, StoreError> {
        let inner = self.shared().clone();
        self.write(None, move |conn, _| {
            let now = inner.now();
            let signed_in: i64 = on!(conn, |c| sessions::table
                .filter(sessions::id.eq(new.parent))
                .filter(sessions::user_id.eq(new.user))
                .filter(sessions::expires_at.gt(Time(now)))
                .count()
                .get_result(c))?;
            if signed_in == 0 {
                return Ok(false);
            }
            let scope = new.scope.to_string();
            if consent {
                consents::widen(conn, new.user, &new.client, &scope, now)?;
                inner.append_event(conn, &consented(&new))?;
            }
            let row = (
                codes::hash.eq(new.hash.as_bytes().as_slice()),
                codes::client_id.eq(new.client.as_str()),
                codes::user_id.eq(new.user),
                codes::parent_id.eq(new.parent),
                codes::redirect_uri.eq(&new.binding.redirect_uri),
                codes::scope.eq(&scope),
                codes::code_challenge.eq(&new.binding.code_challenge),
                codes::nonce.eq(new.nonce.as_deref()),
                codes::resource.eq(new.binding.resource.as_deref()),
                codes::dpop_jkt.eq(new.binding.dpop_jkt.as_ref().map(Thumbprint::as_str)),
                codes::expires_at.eq(Time(new.expires_at)),
            );
            on!(conn, |c| diesel::insert_into(codes::table).values(row).execute(c))?;
            Ok(true)
        })
        .await
    }

    /// Redeems a code, once: a session begins. `fits` is asked whether the redemption fits the code;
    /// of what the user agreed to, the client gets what it is registered for and the user's roles
    /// still grant.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn redeem_code(
        &self,
        code: SecretHash,
        by: RedeemedBy,
        fits: impl Fn(&CodeBinding) -> bool + Send + 'static,
    ) -> Result<Result<Redeemed, CodeRefused>, StoreError> {
        let RedeemedBy { client, registered, dpop_jkt, refresh, origin } = by;
        let inner = self.shared().clone();
        let now = inner.now();
        let id = SessionId(inner.new_uuid(now)?);
        self.write(None, move |conn, changes| {
            let hash = code.as_bytes().as_slice();
            let unused = codes::table
                .find(hash)
                .filter(codes::client_id.eq(client.as_str()))
                .filter(codes::session_id.is_null())
                .filter(codes::expires_at.gt(Time(now)));
            let rows = on!(conn, |c| update(unused).set(codes::session_id.eq(Some(id))).execute(c))?;
            if rows == 0 {
                let Some(session) = used_for(conn, hash, &client)? else {
                    return Ok(Err(CodeRefused::Unknown));
                };
                let by = Actor::Anonymous(origin.clone(), Some(client.clone()));
                inner.end_what_was_reused(conn, session, by, changes)?;
                return Ok(Err(CodeRefused::Replayed));
            }
            let row: CodeRow =
                on!(conn, |c| codes::table.find(hash).select(CodeRow::as_select()).get_result(c))?;
            let CodeRow { user_id, parent_id, scope, nonce, .. } = row;
            let binding = CodeBinding {
                redirect_uri: row.redirect_uri,
                code_challenge: row.code_challenge,
                dpop_jkt: row.dpop_jkt.map(Thumbprint::stored),
                resource: row.resource,
            };
            if !fits(&binding) {
                on!(conn, |c| diesel::delete(codes::table.find(hash)).execute(c))?;
                return Ok(Err(CodeRefused::Unfit));
            }
            let Some((user, parent)) = inner.still_signed_in(conn, user_id, parent_id)? else {
                return Ok(Err(CodeRefused::Nobody));
            };
            let scope = inner.vocabulary.scopes_in(&scope);
            let scope =
                scope.intersection(&registered).intersection(&inner.vocabulary.granted_by(&user.roles));
            let mut session = Session {
                id,
                client_id: Some(client.clone()),
                created_at: now,
                last_used_at: now,
                expires_at: now + inner.lifetimes.access_token,
                ..parent
            };
            if refresh.is_some() {
                session.expires_at = inner.next_refresh_expiry(&session);
            }
            let resource = binding.resource;
            let binding = SessionBinding {
                parent: Some(parent_id),
                scope: Some(scope.to_string()),
                resource: resource.clone(),
                dpop_jkt: dpop_jkt.clone(),
                cookie: None,
            };
            inner.insert_session(conn, &session, binding)?;
            if let Some(refresh) = &refresh {
                refresh_tokens::insert(conn, refresh, &session)?;
            }
            let (roles, epoch) = (user.roles, user.epoch);
            let dpop_jkt = dpop_jkt.clone();
            let entitled = Entitled { session, roles, epoch, scope, resource, dpop_jkt };
            Ok(Ok(Redeemed { entitled, nonce }))
        })
        .await
    }
}

/// The session that began when this client redeemed the code.
fn used_for(conn: &mut Connection, hash: &[u8], client: &ClientId) -> Result<Option<SessionId>, StoreError> {
    let session: Option<Option<SessionId>> = on!(conn, |c| codes::table
        .find(hash)
        .filter(codes::client_id.eq(client.as_str()))
        .select(codes::session_id)
        .get_result(c)
        .optional())?;
    Ok(session.flatten())
}

/// Forgets codes whose time is over.
pub(in crate::store) fn prune(conn: &mut Connection, before: DateTime<Utc>) -> Result<(), StoreError> {
    on!(conn, |c| diesel::delete(codes::table.filter(codes::expires_at.le(Time(before)))).execute(c))?;
    Ok(())
}

impl Shared {
    /// The user, if the account is in use, and the browser session in which they let the client in.
    fn still_signed_in(
        &self,
        conn: &mut Connection,
        user: UserId,
        parent: SessionId,
    ) -> Result<Option<(User, Session)>, StoreError> {
        let row: Option<SessionRow> = on!(conn, |c| sessions::table
            .find(parent)
            .select(SessionRow::as_select())
            .get_result(c)
            .optional())?;
        let user = accounts::load(conn, &self.vocabulary, user)?;
        let user = user.filter(|user| user.status == Status::Active);
        Ok(user.zip(row.map(|row| row.read().0)))
    }
}
