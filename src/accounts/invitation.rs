//! Invitations: the first password of an account that an administrator created.

use super::{AccountError, Accounts};
use crate::authz::Allowed;
use crate::authz::action::Invite;
use crate::domain::{TokenPurpose, User};
use crate::store::{Store, StoreError};

impl Accounts {
    /// Invites a user, and returns the link if it is not sent. An earlier invitation ends.
    ///
    /// # Errors
    /// [`AccountError::Conflict`] for an account that is in use.
    pub(crate) async fn invite(
        &self,
        store: &Store,
        user: Allowed<User, Invite>,
        send: bool,
    ) -> Result<Option<String>, AccountError> {
        if user.email.is_placeholder() {
            return Err(AccountError::Conflict("the account has no address"));
        }
        let (token, new) = self.new_token(user.id, user.email.clone(), TokenPurpose::Invitation)?;
        let link = self.link(TokenPurpose::Invitation, &token);
        let mail = || self.mailer.invitation(user.id, &user.email, token, new.expires_at);
        let mail = send.then(mail).transpose()?;
        match store.invite(user, new, mail).await {
            Err(StoreError::InUse) => Err(AccountError::Conflict(
                "the account has a password, or its user has signed in: the link would take it over",
            )),
            invited => Ok(invited.map(|()| (!send).then_some(link))?),
        }
    }
}
