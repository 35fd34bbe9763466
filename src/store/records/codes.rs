//! Authorization codes (RFC 6749 §4.1). A code is valid for one minute and one use.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::session_rows::{SessionBinding, SessionRow, TokenSession};
use super::{consents, refresh_tokens, user_rows};
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

/// A code to issue.
pub(crate) struct NewCode {
    /// Hash of the code.
    pub(crate) hash: SecretHash,
    /// The client that may redeem it.
    pub(crate) client: ClientId,
    /// Browser session in which the user is signed in.
    pub(crate) parent: SessionId,
    /// The user who authorizes the client.
    pub(crate) user: UserId,
    /// Scopes for which the client is authorized.
    pub(crate) scope: ScopeSet,
    /// Parameters that the redemption must match.
    pub(crate) binding: CodeBinding,
    /// `nonce` of the ID token (OpenID Connect Core §2).
    pub(crate) nonce: Option<String>,
    /// Time of expiry.
    pub(crate) expires_at: DateTime<Utc>,
    /// Origin of the request.
    pub(crate) origin: Origin,
}

/// Parameters that the redemption of a code must match.
#[derive(Clone, Debug)]
pub(crate) struct CodeBinding {
    /// The redirect URI of the request (RFC 6749 §4.1.3).
    pub(crate) redirect_uri: String,
    /// S256 challenge of the verifier (RFC 7636 §4.2).
    pub(crate) code_challenge: String,
    /// Thumbprint of the key to which the tokens will be bound, if the request named one (RFC 9449 §10).
    pub(crate) dpop_jkt: Option<Thumbprint>,
    /// Resource that accepts the tokens, if the request named one (RFC 8707).
    pub(crate) resource: Option<String>,
}

/// The client and the parameters of a redemption.
pub(crate) struct CodeRedemption {
    /// The authenticated client.
    pub(crate) client: ClientId,
    /// Scopes for which the client is registered.
    pub(crate) registered: ScopeSet,
    /// Thumbprint of the key in the DPoP proof (RFC 9449 §5).
    pub(crate) dpop_jkt: Option<Thumbprint>,
    /// Hash of the first refresh token, if the client gets one.
    pub(crate) refresh: Option<SecretHash>,
    /// Origin of the request.
    pub(crate) origin: Origin,
}

/// Reason why a code is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CodeRefused {
    /// It does not exist, has expired, or belongs to another client.
    Unknown,
    /// It was used before. The session that it began has ended.
    Replayed,
    /// The request does not match the binding of the code. The code is deleted.
    BindingMismatch,
    /// The user is not active or not signed in any more.
    SignedOut,
}

/// A redeemed code.
pub(crate) struct RedeemedCode {
    /// The session that began.
    pub(crate) token_session: TokenSession,
    /// `nonce` of the authorization request, for the ID token.
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

/// Returns the audit event of a consent.
fn consent_event(new: &NewCode) -> AuditEvent {
    AuditEvent {
        by: Actor::Anonymous(new.origin.clone(), Some(new.client.clone())),
        action: "consent",
        resource: Consent::NAME,
        record: Some(new.client.to_string()),
        owner: Some(new.user),
        outcome: Outcome::Done,
    }
}

impl CodeRow {
    fn binding(&self) -> CodeBinding {
        CodeBinding {
            redirect_uri: self.redirect_uri.clone(),
            code_challenge: self.code_challenge.clone(),
            dpop_jkt: self.dpop_jkt.clone().map(Thumbprint::stored),
            resource: self.resource.clone(),
        }
    }
}

impl TrustedStore {
    /// Issues a code if its user is still signed in in the browser. With `consent`, the user has just consented to
    /// its scopes. Returns false if the user is signed out.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub(crate) async fn issue_code(&self, new: NewCode, consent: bool) -> Result<bool, StoreError> {
        let shared = self.shared().clone();
        self.write(None, move |conn, _| {
            let now = shared.now();
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
                shared.append_event(conn, &consent_event(&new))?;
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

    /// Redeems a code, once, and begins a session. `fits` checks the request against the binding of the code. The
    /// client gets those consented scopes that it is registered for and that the roles of the user still grant.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub(crate) async fn redeem_code(
        &self,
        code: SecretHash,
        by: CodeRedemption,
        fits: impl Fn(&CodeBinding) -> bool + Send + 'static,
    ) -> Result<Result<RedeemedCode, CodeRefused>, StoreError> {
        let shared = self.shared().clone();
        let now = shared.now();
        let id = SessionId(shared.new_uuid(now)?);
        self.write(None, move |conn, changes| {
            let hash = code.as_bytes().as_slice();
            if !mark_redeemed(conn, hash, &by.client, id, now)? {
                let Some(session) = session_of_redemption(conn, hash, &by.client)? else {
                    return Ok(Err(CodeRefused::Unknown));
                };
                let actor = Actor::Anonymous(by.origin.clone(), Some(by.client.clone()));
                shared.end_reused_session(conn, session, actor, changes)?;
                return Ok(Err(CodeRefused::Replayed));
            }
            let row: CodeRow =
                on!(conn, |c| codes::table.find(hash).select(CodeRow::as_select()).get_result(c))?;
            if !fits(&row.binding()) {
                on!(conn, |c| diesel::delete(codes::table.find(hash)).execute(c))?;
                return Ok(Err(CodeRefused::BindingMismatch));
            }
            shared.begin_session_of_code(conn, row, &by, id, now)
        })
        .await
    }
}

/// Marks an unused code of this client as redeemed for a session. Returns false if there is none.
fn mark_redeemed(
    conn: &mut Connection,
    hash: &[u8],
    client: &ClientId,
    session: SessionId,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let unused = codes::table
        .find(hash)
        .filter(codes::client_id.eq(client.as_str()))
        .filter(codes::session_id.is_null())
        .filter(codes::expires_at.gt(Time(now)));
    let rows = on!(conn, |c| update(unused).set(codes::session_id.eq(Some(session))).execute(c))?;
    Ok(rows == 1)
}

/// Returns the session that began when this client redeemed the code.
fn session_of_redemption(
    conn: &mut Connection,
    hash: &[u8],
    client: &ClientId,
) -> Result<Option<SessionId>, StoreError> {
    let session: Option<Option<SessionId>> = on!(conn, |c| codes::table
        .find(hash)
        .filter(codes::client_id.eq(client.as_str()))
        .select(codes::session_id)
        .get_result(c)
        .optional())?;
    Ok(session.flatten())
}

/// Deletes expired codes.
pub(in crate::store) fn prune(conn: &mut Connection, before: DateTime<Utc>) -> Result<(), StoreError> {
    on!(conn, |c| diesel::delete(codes::table.filter(codes::expires_at.le(Time(before)))).execute(c))?;
    Ok(())
}

impl Shared {
    /// Begins the session of a redeemed code, if its user is still active and signed in.
    fn begin_session_of_code(
        &self,
        conn: &mut Connection,
        code: CodeRow,
        by: &CodeRedemption,
        id: SessionId,
        now: DateTime<Utc>,
    ) -> Result<Result<RedeemedCode, CodeRefused>, StoreError> {
        let Some((user, parent)) = self.signed_in_user(conn, code.user_id, code.parent_id)? else {
            return Ok(Err(CodeRefused::SignedOut));
        };
        let consented = self.vocabulary.scopes_in(&code.scope);
        let granted = self.vocabulary.granted_by(&user.roles);
        let scope = consented.intersection(&by.registered).intersection(&granted);
        let mut session = Session {
            id,
            client_id: Some(by.client.clone()),
            created_at: now,
            last_used_at: now,
            expires_at: now + self.lifetimes.access_token,
            ..parent
        };
        if by.refresh.is_some() {
            session.expires_at = self.next_refresh_expiry(&session);
        }
        let (resource, dpop_jkt) = (code.resource, by.dpop_jkt.clone());
        let binding = SessionBinding {
            parent: Some(code.parent_id),
            scope: Some(scope.to_string()),
            resource: resource.clone(),
            dpop_jkt: dpop_jkt.clone(),
            cookie: None,
        };
        self.insert_session(conn, &session, binding)?;
        if let Some(refresh) = &by.refresh {
            refresh_tokens::insert(conn, refresh, &session)?;
        }
        let (roles, epoch) = (user.roles, user.epoch);
        let token_session = TokenSession { session, roles, epoch, scope, resource, dpop_jkt };
        Ok(Ok(RedeemedCode { token_session, nonce: code.nonce }))
    }

    /// Returns the user, if active, and the browser session in which the user authorized the client.
    fn signed_in_user(
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
        let user = user_rows::load(conn, &self.vocabulary, user)?;
        let user = user.filter(|user| user.status == Status::Active);
        Ok(user.zip(row.map(|row| row.read().0)))
    }
}
