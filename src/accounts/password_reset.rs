//! A new password by a mailed link, instead of a forgotten one or for an invitation.

use super::{AccountError, Accounts};
use crate::authz::Allowed;
use crate::authz::action::Invite;
use crate::domain::{AccountToken, ChosenPassword, Email, Origin, SecretHash, TokenPurpose, User, UserId};
use crate::store::{LiveToken, NewAccountToken, Store};

impl Accounts {
    /// Requests a link for a new password. Does the same for every address: the sender looks the account up.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn request_password_reset(&self, typed: &Email) -> Result<(), AccountError> {
        let mail = self.mailer.reset_password(typed)?;
        Ok(self.store.queue_mail(mail).await?)
    }

    /// Issues a link for a new password and returns it, for an operator to hand over.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn password_reset_link(
        &self,
        store: &Store,
        user: Allowed<User, Invite>,
    ) -> Result<String, AccountError> {
        let (token, new) = self.new_token(user.id, user.email.clone(), TokenPurpose::ResetPassword)?;
        store.issue_link(user, new).await?;
        Ok(self.link(TokenPurpose::ResetPassword, &token))
    }

    /// Sets a new password. All sessions and tokens of the account end.
    ///
    /// # Errors
    /// [`AccountError::InvalidLink`]; [`AccountError::Password`], after which the link is still valid.
    pub(crate) async fn redeem_for_password(
        &self,
        token: &AccountToken,
        purpose: TokenPurpose,
        chosen: &str,
        origin: Origin,
    ) -> Result<(), AccountError> {
        // Only a valid link costs a hash.
        let live = self.live(token.hash(), purpose).await?;
        let hasher = self.hasher.for_client_at(origin.address);
        let judged = hasher.judge(ChosenPassword::parse(chosen), Some(live.email.to_string())).await?;
        let hash = hasher.hash(&judged.map_err(AccountError::Password)?).await?;
        let redeemed = self.store.redeem_for_password(token.hash(), purpose, hash, origin).await?;
        if redeemed { Ok(()) } else { Err(AccountError::InvalidLink) }
    }

    /// Returns a token that can be redeemed for this purpose.
    pub(super) async fn live(
        &self,
        hash: SecretHash,
        purpose: TokenPurpose,
    ) -> Result<LiveToken, AccountError> {
        let live = self.store.live_account_token(hash).await?;
        live.filter(|token| token.purpose == purpose).ok_or(AccountError::InvalidLink)
    }

    /// Makes a token, bound to this address.
    pub(super) fn new_token(
        &self,
        user: UserId,
        email: Email,
        purpose: TokenPurpose,
    ) -> Result<(AccountToken, NewAccountToken), AccountError> {
        let token = AccountToken::generate(&self.clock_and_random.random)?;
        let expires_at = self.clock_and_random.clock.now() + purpose.lifetime();
        let new = NewAccountToken { hash: token.hash(), user, purpose, email, new_email: None, expires_at };
        Ok((token, new))
    }
}
