//! The proof of an address, and the change of one.

use super::{AccountError, Accounts};
use crate::authz::action::{SendVerification, Update, VerifyEmail};
use crate::authz::{Allowed, Rule};
use crate::domain::{AccountToken, Email, Origin, TokenPurpose, User};
use crate::store::{ChangeMails, QueuedMail, Store, UserChange};

impl Accounts {
    /// Sends the mail by which a user proves the address, or the address that shall replace it.
    ///
    /// # Errors
    /// [`AccountError::Conflict`] when there is nothing to prove.
    pub(crate) async fn send_verification(
        &self,
        store: &Store,
        user: Allowed<User, SendVerification>,
    ) -> Result<(), AccountError> {
        let mail = match &user.pending_email {
            Some(new) => self.mailer.confirm_email(user.id, new)?,
            None if user.email_verified => {
                return Err(AccountError::Conflict("the address is verified already"));
            }
            None if user.email.is_placeholder() => {
                return Err(AccountError::Conflict("the account has no address"));
            }
            None => self.mailer.verify_email(user.id)?,
        };
        Ok(store.send_verification(user, mail).await?)
    }

    /// Returns the change of an account to a new address. The owner of the new address confirms it first, unless the
    /// caller may say which address is verified: then it changes at once, and both addresses are told of it.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub(crate) fn change_of_address(
        &self,
        user: &Allowed<User, Update>,
        new: Email,
    ) -> Result<UserChange, AccountError> {
        let none = UserChange::default();
        if new == user.email {
            return Ok(UserChange { pending_email: Some(None), ..none });
        }
        let is_immediate = user.refusal_by(Rule::of::<User, VerifyEmail>()).is_none();
        if !self.sends_mail || is_immediate {
            let mails = if self.sends_mail { self.told(user, &new)? } else { Vec::new() };
            return Ok(UserChange { email: Some(new), mails, ..none });
        }
        let mails = vec![self.mailer.confirm_email(user.id, &new)?];
        Ok(UserChange { pending_email: Some(Some(new)), mails, ..none })
    }

    /// Returns the mails that tell both addresses of a change.
    fn told(&self, user: &User, new: &Email) -> Result<Vec<QueuedMail>, AccountError> {
        let old = &user.email;
        let mail = |to: &Email| Ok(self.mailer.email_changed(user.id, to, old, new, None)?);
        [old, new].into_iter().map(mail).collect()
    }

    /// Redeems a token that proves an address: of an account, a new one of an account, or of a registration.
    ///
    /// # Errors
    /// [`AccountError::InvalidLink`].
    pub(crate) async fn redeem_verification(
        &self,
        token: &AccountToken,
        origin: Origin,
    ) -> Result<(), AccountError> {
        let hash = token.hash();
        let redeemed = match self.store.live_account_token(hash.clone()).await? {
            None => self.redeem_registration(hash, origin).await?,
            Some(live) => match (live.purpose, live.new_email) {
                (TokenPurpose::VerifyEmail, _) => self.store.redeem_verification(hash, origin).await?,
                (TokenPurpose::ConfirmEmail, Some(new)) => {
                    let (undo, undoing) =
                        self.new_token(live.user.id, live.email.clone(), TokenPurpose::UndoEmailChange)?;
                    let (id, old) = (live.user.id, &live.email);
                    let mail = |undo| self.mailer.email_changed(id, old, old, &new, undo);
                    let mails = ChangeMails { with_undo: mail(Some(undo))?, without_undo: mail(None)? };
                    self.store.redeem_new_address(hash, undoing, mails, origin).await?
                }
                _ => false,
            },
        };
        if redeemed { Ok(()) } else { Err(AccountError::InvalidLink) }
    }

    /// Restores the address that was replaced. All sessions and tokens of the account end.
    ///
    /// # Errors
    /// [`AccountError::InvalidLink`].
    pub(crate) async fn undo_email_change(
        &self,
        token: &AccountToken,
        origin: Origin,
    ) -> Result<(), AccountError> {
        // A token that is not valid costs no transaction.
        self.live(token.hash(), TokenPurpose::UndoEmailChange).await?;
        let undone = self.store.undo_new_address(token.hash(), origin).await?;
        if undone { Ok(()) } else { Err(AccountError::InvalidLink) }
    }
}
