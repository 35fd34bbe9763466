//! Redemptions of mailed links: a new password, and the proof of an address. The holder of a link acts without an access
//! token.

use diesel::prelude::*;

use super::account_tokens::NewAccountToken;
use super::mail_queue::QueuedMail;
use super::search_terms;
use super::tombstones::Tombstone;
use crate::authz::action::{Action, SetPassword, Update, VerifyEmail};
use crate::authz::{Actor, AuditEvent, Outcome, Resource as _};
use crate::domain::{Email, Origin, PasswordHash, SecretHash, TokenPurpose, User, UserId};
use crate::on;
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema::{user_roles, users};
use crate::store::{Connection, StoreError, TrustedStore};

/// The two forms of the mail that tells an owner of the old address of a change. The transaction decides which is sent.
#[derive(Clone)]
pub(crate) struct ChangeMails {
    pub(crate) with_undo: QueuedMail,
    pub(crate) without_undo: QueuedMail,
}

impl TrustedStore {
    /// Redeems a token for a new password. All sessions end, and all tokens of the user are revoked. The address, to
    /// which the token was sent, counts as verified. Returns false when the token cannot be redeemed.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn redeem_for_password(
        &self,
        hash: SecretHash,
        purpose: TokenPurpose,
        password: PasswordHash,
        origin: Origin,
    ) -> Result<bool, StoreError> {
        let shared = self.shared().clone();
        self.write(None, move |conn, changes| {
            let Some(token) = shared.spend(conn, &hash, purpose)? else { return Ok(false) };
            let user = &token.user;
            let new = (
                users::password_hash.eq(password.expose_phc()),
                users::email_verified.eq(!user.email.is_placeholder()),
                users::pending_email.eq(None::<String>),
            );
            on!(conn, |c| update(users::table.filter(users::id.eq(user.id))).set(new).execute(c))?;
            shared.bump_revision(conn, user, true, changes)?;
            shared.end_account_tokens(conn, user.id, true)?;
            Tombstone::of_user(user.id).apply(conn, None)?;
            shared.append_event(conn, &redeemed::<SetPassword>(user.id, origin.clone()))?;
            Ok(true)
        })
        .await
    }

    /// Redeems a token that proves the address of its account. Returns false when it cannot be redeemed.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn redeem_verification(
        &self,
        hash: SecretHash,
        origin: Origin,
    ) -> Result<bool, StoreError> {
        let shared = self.shared().clone();
        self.write(None, move |conn, changes| {
            let Some(token) = shared.spend(conn, &hash, TokenPurpose::VerifyEmail)? else { return Ok(false) };
            let this = users::table.filter(users::id.eq(token.user.id));
            on!(conn, |c| update(this).set(users::email_verified.eq(true)).execute(c))?;
            shared.bump_revision(conn, &token.user, false, changes)?;
            shared.append_event(conn, &redeemed::<VerifyEmail>(token.user.id, origin.clone()))?;
            Ok(true)
        })
        .await
    }

    /// Redeems a token that confirms a new address: it replaces the address of the account. The owner of the old one
    /// gets the token that undoes the change. A change back to an address that such a token restores needs none: it
    /// ends them. Returns false when the token cannot be redeemed, or another account has the address by now.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn redeem_new_address(
        &self,
        hash: SecretHash,
        undo: NewAccountToken,
        mails: ChangeMails,
        origin: Origin,
    ) -> Result<bool, StoreError> {
        let shared = self.shared().clone();
        let changed = self.write(None, move |conn, changes| {
            let Some(token) = shared.spend(conn, &hash, TokenPurpose::ConfirmEmail)? else {
                return Ok(false);
            };
            let Some(new) = token.new_email.filter(|_| token.email == undo.email) else { return Ok(false) };
            write_address(conn, token.user.id, &new)?;
            shared.bump_revision(conn, &token.user, false, changes)?;
            let is_way_back = shared.is_way_back(conn, token.user.id, &new)?;
            shared.end_account_tokens(conn, token.user.id, !is_way_back)?;
            let mail = if is_way_back {
                &mails.without_undo
            } else {
                shared.insert_account_token(conn, &undo)?;
                &mails.with_undo
            };
            shared.queue_mail(conn, changes, mail)?;
            shared.append_event(conn, &redeemed::<Update>(token.user.id, origin.clone()))?;
            Ok(true)
        });
        not_taken(changed.await)
    }

    /// Redeems a token that undoes a change of the address. All sessions end, and all tokens of the user are revoked.
    /// Returns false when the token cannot be redeemed, or another account has the address by now.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn undo_new_address(
        &self,
        hash: SecretHash,
        origin: Origin,
    ) -> Result<bool, StoreError> {
        let shared = self.shared().clone();
        let changed = self.write(None, move |conn, changes| {
            let Some(token) = shared.spend(conn, &hash, TokenPurpose::UndoEmailChange)? else {
                return Ok(false);
            };
            write_address(conn, token.user.id, &token.email)?;
            shared.bump_revision(conn, &token.user, true, changes)?;
            shared.end_account_tokens(conn, token.user.id, false)?;
            Tombstone::of_user(token.user.id).apply(conn, None)?;
            shared.append_event(conn, &redeemed::<Update>(token.user.id, origin.clone()))?;
            Ok(true)
        });
        not_taken(changed.await)
    }
}

/// Returns the event of a redemption. It names no caller: the holder of a link has no access token.
fn redeemed<A: Action>(user: UserId, origin: Origin) -> AuditEvent {
    AuditEvent {
        by: Actor::Anonymous(origin, None),
        action: A::NAME,
        resource: User::NAME,
        record: Some(user.to_string()),
        owner: Some(user),
        outcome: Outcome::Done,
    }
}

/// A link whose address another account has by now has no effect.
fn not_taken(result: Result<bool, StoreError>) -> Result<bool, StoreError> {
    match result {
        Err(StoreError::Taken) => Ok(false),
        result => result,
    }
}

/// Replaces the address of an account by one whose owner has confirmed it.
fn write_address(conn: &mut Connection, user: UserId, email: &Email) -> Result<(), StoreError> {
    let row = (
        users::email.eq(email.as_str()),
        users::email_key.eq(email.key()),
        users::email_verified.eq(true),
        users::pending_email.eq(None::<String>),
    );
    on!(conn, |c| update(users::table.filter(users::id.eq(user))).set(row).execute(c))?;
    let roles = user_roles::table.filter(user_roles::user_id.eq(user));
    on!(conn, |c| update(roles).set(user_roles::email_key.eq(email.key())).execute(c))?;
    search_terms::replace(conn, user)
}
