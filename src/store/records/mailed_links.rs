//! Mailed links of an account: the proof of its address, and invitations.

use diesel::prelude::*;

use super::account_tokens::NewAccountToken;
use super::mail_queue::QueuedMail;
use crate::authz::action::{Invite, SendVerification};
use crate::authz::{Allowed, AuditEvent};
use crate::domain::{Time, User, UserId};
use crate::on;
use crate::store::engine::schema::{identities, users};
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

    /// Issues a token whose link an operator hands over. No limit applies. No earlier holder of the account undoes the
    /// operator's decision.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn issue_link(
        &self,
        user: Allowed<User, Invite>,
        token: NewAccountToken,
    ) -> Result<(), StoreError> {
        // The trail tells the user of a link, and not of an invitation.
        let event = AuditEvent { action: "issue_reset_link", ..AuditEvent::from(&user) };
        let (by, shared) = (Authorization::with_event(&user, Some(event)), self.shared().clone());
        self.write(by, move |conn, _| {
            shared.end_account_tokens(conn, user.id, false)?;
            shared.insert_account_token(conn, &token)
        })
        .await
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
    /// Returns true if the account belongs to a user of another issuer, and has no password here.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn is_account_of_another_issuer(&self, user: UserId) -> Result<bool, StoreError> {
        self.read(move |conn| Ok(!has_password(conn, user)? && has_identity(conn, user)?)).await
    }
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
