//! Authorization codes (RFC 6749 §4.1). A code is valid for one minute and one use.

use chrono::{DateTime, Utc};
use diesel::dsl::exists;
use diesel::prelude::*;

use super::code_rows::{CodeRefused, CodeRow, RedeemedCode};
use super::session_rows::{SessionBinding, SessionRow};
use super::tombstones::{alive, newest};
use super::{consents, refresh_token_rows, user_rows};
use crate::authz::Resource as _;
use crate::authz::{Actor, AuditEvent, OFFLINE_ACCESS, Outcome};
use crate::domain::{
    ClientId, Consent, SecretHash, Session, SessionId, Status, Thumbprint, Time, User, UserId,
};
use crate::on;
use crate::store::changes::Changes;
use crate::store::engine::limit::rows_after;
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema::{authorization_codes as codes, clients, sessions, users};
use crate::store::settled::Settled;
use crate::store::shared::Shared;
use crate::store::{
    CodeBinding, CodeRedemption, Connection, Link, NewCode, StoreError, TokenSession, TrustedStore,
};

/// Upper bound of the codes of a user and a client. The oldest is deleted when another is issued.
const MAX_CODES: i64 = 100;

/// Number of codes above [`MAX_CODES`] that are deleted when one is issued.
const MAX_SURPLUS: i64 = 10;

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

impl TrustedStore {
    /// Issues a code if its user is still active and signed in in the browser, and the client is still registered.
    /// With `consent`, the user has just consented to its scopes. Returns false if one of this does not hold.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub(crate) async fn issue_code(&self, new: NewCode, consent: bool) -> Result<bool, StoreError> {
        let shared = self.shared().clone();
        self.write(None, move |conn, _| {
            let now = shared.now();
            if !is_signed_in(conn, &new, now)? {
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
                codes::after_tombstone.eq(newest!()),
            );
            on!(conn, |c| diesel::insert_into(codes::table).values(row).execute(c))?;
            delete_surplus(conn, new.user, &new.client)?;
            Ok(true)
        })
        .await
    }

    /// Returns true if there is such a code, of whichever client, used or not.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub(crate) async fn has_code(&self, code: SecretHash) -> Result<bool, StoreError> {
        self.read(move |conn| {
            let code = codes::table.find(code.as_bytes().as_slice());
            Ok(on!(conn, |c| diesel::select(diesel::dsl::exists(code)).get_result(c))?)
        })
        .await
    }

    /// Redeems a code, once, and begins a session. `fits` checks the request against the binding of the code. The
    /// client gets those consented scopes that it is registered for and that the roles of the user still grant.
    /// Reuse is looked at before all else. A request with a fault of its own leaves an unused code as it is.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub(crate) async fn redeem_code(
        &self,
        code: SecretHash,
        by: CodeRedemption,
        fits: impl Fn(&CodeBinding) -> bool + Send + 'static,
    ) -> Result<Settled<RedeemedCode, CodeRefused>, StoreError> {
        let shared = self.shared().clone();
        let now = shared.now();
        let id = SessionId(shared.new_uuid(now)?);
        self.write(None, move |conn, changes| {
            let hash = code.as_bytes().as_slice();
            if by.has_fault && is_unused(conn, hash, &by.client, now)? {
                return Ok(Settled::Refused(CodeRefused::Fault));
            }
            if !mark_redeemed(conn, hash, &by.client, id, now)? {
                let Some(session) = session_of_redemption(conn, hash, &by.client)? else {
                    return Ok(Settled::Refused(CodeRefused::Unknown));
                };
                let actor = Actor::Anonymous(by.origin.clone(), Some(by.client.clone()));
                shared.end_reused_session(conn, session, actor, changes)?;
                return Ok(Settled::Refused(CodeRefused::Replayed));
            }
            let row: CodeRow =
                on!(conn, |c| codes::table.find(hash).select(CodeRow::as_select()).get_result(c))?;
            if !fits(&row.binding()) {
                on!(conn, |c| diesel::delete(codes::table.find(hash)).execute(c))?;
                return Ok(Settled::Refused(CodeRefused::BindingMismatch));
            }
            let redeemed = shared.begin_session_of_code(conn, row, &by, id, changes)?;
            if matches!(redeemed, Settled::Granted(_)) {
                by.one_time.use_up(conn, now)?;
            }
            Ok(redeemed)
        })
        .await
    }
}

/// Returns true if this client can redeem the code.
fn is_unused(
    conn: &mut Connection,
    hash: &[u8],
    client: &ClientId,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let unused = codes::table
        .find(hash)
        .filter(codes::client_id.eq(client.as_str()))
        .filter(codes::session_id.is_null())
        .filter(codes::expires_at.gt(Time(now)));
    Ok(on!(conn, |c| diesel::select(diesel::dsl::exists(unused)).get_result(c))?)
}

/// Returns true if the user is active and signed in in the browser, and the client is still registered.
fn is_signed_in(conn: &mut Connection, new: &NewCode, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let client = clients::table.filter(clients::id.eq(new.client.as_str()));
    let found: i64 = on!(conn, |c| sessions::table
        .inner_join(users::table)
        .filter(sessions::id.eq(new.parent))
        .filter(sessions::user_id.eq(new.user))
        .filter(sessions::expires_at.gt(Time(now)))
        .filter(alive!(sessions))
        .filter(users::status.eq(Status::Active.as_str()))
        .filter(exists(client))
        .count()
        .get_result(c))?;
    Ok(found == 1)
}

/// Marks an unused code of this client as redeemed for a session. Returns false if there is none.
fn mark_redeemed(
    conn: &mut Connection,
    hash: &[u8],
    client: &ClientId,
    session: SessionId,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let redeemed = codes::session_id.eq(Some(session));
    if fault!(code_of_any_client) {
        let of_any = codes::table.find(hash).filter(codes::session_id.is_null());
        return Ok(on!(conn, |c| update(of_any).set(redeemed).execute(c))? == 1);
    }
    if fault!(code_used_twice) {
        let used = codes::table.find(hash).filter(codes::client_id.eq(client.as_str()));
        return Ok(on!(conn, |c| update(used).set(redeemed).execute(c))? == 1);
    }
    let unused = codes::table
        .find(hash)
        .filter(codes::client_id.eq(client.as_str()))
        .filter(codes::session_id.is_null())
        .filter(codes::expires_at.gt(Time(now)))
        .filter(alive!(authorization_codes));
    let rows = on!(conn, |c| update(unused).set(redeemed).execute(c))?;
    Ok(rows == 1)
}

/// Deletes codes of the same user and client beyond the newest [`MAX_CODES`].
fn delete_surplus(conn: &mut Connection, user: UserId, client: &ClientId) -> Result<(), StoreError> {
    let newest_first = codes::table
        .filter(codes::user_id.eq(user))
        .filter(codes::client_id.eq(client.as_str()))
        .order(codes::expires_at.desc())
        .select(codes::hash);
    let surplus: Vec<Vec<u8>> = on!(conn, |c| rows_after(newest_first, MAX_CODES, MAX_SURPLUS).load(c))?;
    for hash in surplus {
        on!(conn, |c| diesel::delete(codes::table.find(hash.as_slice())).execute(c))?;
    }
    Ok(())
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

/// Keeps the user and the client as they are until the transaction ends: a concurrent suspension or deletion
/// otherwise misses the session that is about to begin. SQLite has one writer. Returns the epoch of the client.
fn lock_user_and_client(
    conn: &mut Connection,
    user: UserId,
    client: &ClientId,
) -> Result<Option<i64>, StoreError> {
    let epoch = clients::table.find(client.as_str()).select(clients::epoch);
    Ok(match conn.link() {
        Link::Postgres(c) => {
            users::table.find(user).select(users::id).for_share().load::<UserId>(c)?;
            epoch.for_share().get_result(c).optional()?
        }
        Link::Sqlite(c) => epoch.get_result(c).optional()?,
    })
}

impl Shared {
    /// Begins the session of a redeemed code, if its user is still active and signed in.
    fn begin_session_of_code(
        &self,
        conn: &mut Connection,
        code: CodeRow,
        by: &CodeRedemption,
        id: SessionId,
        changes: &mut Changes,
    ) -> Result<Settled<RedeemedCode, CodeRefused>, StoreError> {
        let now = self.now();
        if lock_user_and_client(conn, code.user_id, &by.client)? != Some(by.client_epoch) {
            return Ok(Settled::Refused(CodeRefused::ClientChanged));
        }
        let Some((user, parent)) = self.signed_in_user(conn, code.user_id, code.parent_id)? else {
            return Ok(Settled::Refused(CodeRefused::SignedOut));
        };
        let consented = self.vocabulary.scopes_in(&code.scope);
        let granted = self.vocabulary.granted_by(&user.roles);
        let scope = consented.intersection(&by.registered);
        let scope = match fault!(authorized_scope_not_limited) {
            true => scope,
            false => scope.intersection(&granted),
        };
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
            // A session with `offline_access` outlives the browser session.
            parent: (!scope.contains(OFFLINE_ACCESS)).then_some(code.parent_id),
            scope: Some(scope.to_string()),
            resource: resource.clone(),
            dpop_jkt: dpop_jkt.clone(),
            cookie: None,
        };
        self.insert_session(conn, &session, binding, changes)?;
        if let Some(refresh) = &by.refresh {
            refresh_token_rows::insert(conn, refresh, &session, 0)?;
        }
        let token_session = TokenSession {
            session,
            roles: user.roles,
            epoch: user.epoch,
            client_epoch: Some(by.client_epoch),
            scope,
            resource,
            dpop_jkt,
        };
        Ok(Settled::Granted(RedeemedCode { token_session, nonce: code.nonce }))
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
            .filter(alive!(sessions))
            .filter(sessions::expires_at.gt(Time(self.now())))
            .select(SessionRow::as_select())
            .get_result(c)
            .optional())?;
        let user = user_rows::load(conn, &self.vocabulary, user)?;
        let user = user.filter(|user| user.status == Status::Active);
        Ok(user.zip(row.map(|row| row.read().0)))
    }
}
