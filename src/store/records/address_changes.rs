//! Changes of an address by mailed links: a new address that its owner confirms, and the way back.

use diesel::prelude::*;

use super::account_tokens::{NewAccountToken, redeemed};
use super::mail_queue::QueuedMail;
use super::search_terms;
use super::tombstones::Tombstone;
use crate::authz::Allowed;
use crate::authz::action::{Invite, SendVerification, Update};
use crate::domain::{Email, Origin, SecretHash, Time, TokenPurpose, User, UserId};
use crate::on;
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema::{identities, user_roles, users};
use crate::store::renewed::Authorization;
use crate::store::{Connection, Store, StoreError, TrustedStore};

impl Store {
    /// Queues the mail by which a user proves the address.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn send_verification(
        &self,
        user: Allowed<User, SendVerification>,
        mail: QueuedMail,
    ) -> Result<(), StoreError> {
        let (by, shared) = (Authorization::of(&user), self.shared().clone());
        self.write(by, move |conn, changes| shared.queue_mail(conn, changes, &mail)).await
    }

    /// Issues a token whose link an operator hands over. No limit applies.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn issue_link(
        &self,
        user: Allowed<User, Invite>,
        token: NewAccountToken,
    ) -> Result<(), StoreError> {
        let (by, shared) = (Authorization::of(&user), self.shared().clone());
        self.write(by, move |conn, _| shared.insert_account_token(conn, &token)).await
    }

    /// Issues an invitation, which ends an earlier one, and queues its mail if there is one.
    ///
    /// # Errors
    /// [`StoreError::InUse`] for an account with a password, or whose user has signed in: the link would take it over.
    pub(crate) async fn invite(
        &self,
        user: Allowed<User, Invite>,
        token: NewAccountToken,
        mail: Option<QueuedMail>,
    ) -> Result<(), StoreError> {
        let (by, shared) = (Authorization::of(&user), self.shared().clone());
        self.write(by, move |conn, changes| {
            if is_in_use(conn, user.id)? {
                return Err(StoreError::InUse);
            }
            shared.insert_account_token(conn, &token)?;
            mail.as_ref().map_or(Ok(()), |mail| shared.queue_mail(conn, changes, mail))
        })
        .await
    }
}

impl TrustedStore {
    /// Returns true if the account has a password, if its user has signed in, or if it belongs to a user of another
    /// issuer.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn is_account_of_another_issuer(&self, user: UserId) -> Result<bool, StoreError> {
        self.read(move |conn| Ok(!has_password(conn, user)? && has_identity(conn, user)?)).await
    }

    /// Redeems a token that confirms a new address: it replaces the address of the account. `undo` is the token for the
    /// owner of the old address, and `mail` its mail. Returns false when the token cannot be redeemed, or another
    /// account has the address by now.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn redeem_new_address(
        &self,
        hash: SecretHash,
        undo: NewAccountToken,
        mail: QueuedMail,
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
            shared.end_account_tokens(conn, token.user.id)?;
            shared.insert_account_token(conn, &undo)?;
            shared.queue_mail(conn, changes, &mail)?;
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
            shared.end_all_account_tokens(conn, token.user.id)?;
            Tombstone::of_user(token.user.id).apply(conn, None)?;
            shared.append_event(conn, &redeemed::<Update>(token.user.id, origin.clone()))?;
            Ok(true)
        });
        not_taken(changed.await)
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

fn is_in_use(conn: &mut Connection, user: UserId) -> Result<bool, StoreError> {
    let signed_in: Option<Option<Time>> = on!(conn, |c| users::table
        .filter(users::id.eq(user))
        .select(users::last_login_at)
        .get_result(c)
        .optional())?;
    Ok(signed_in.flatten().is_some() || has_password(conn, user)? || has_identity(conn, user)?)
}

fn has_password(conn: &mut Connection, user: UserId) -> Result<bool, StoreError> {
    let with_password = users::table.filter(users::id.eq(user)).filter(users::password_hash.is_not_null());
    Ok(on!(conn, |c| diesel::select(diesel::dsl::exists(with_password)).get_result(c))?)
}

fn has_identity(conn: &mut Connection, user: UserId) -> Result<bool, StoreError> {
    let of_user = identities::table.filter(identities::user_id.eq(user));
    Ok(on!(conn, |c| diesel::select(diesel::dsl::exists(of_user)).get_result(c))?)
}
