//! Registrations whose address must be proved first.

use super::{AccountError, Accounts};
use crate::authz::RoleGrant;
use crate::domain::{Email, Origin, PasswordHash, ProfileChange, SecretHash};
use crate::mail::RegistrationMembers;

impl Accounts {
    /// Requests an account. Does the same for a free and for a taken address: the sender looks it up.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn request_registration(
        &self,
        email: &Email,
        password: &PasswordHash,
        profile: ProfileChange,
    ) -> Result<(), AccountError> {
        let mail = self.mailer.registration(RegistrationMembers::of(email, password, profile))?;
        Ok(self.store.queue_mail(mail).await?)
    }

    /// Creates the account of a registration. Returns false when the token cannot be redeemed, also when registration
    /// was closed in the meantime.
    pub(super) async fn redeem_registration(
        &self,
        hash: SecretHash,
        origin: Origin,
    ) -> Result<bool, AccountError> {
        // A token that is not valid costs no transaction.
        if !self.registration_open || !self.store.has_registration(hash.clone()).await? {
            return Ok(false);
        }
        let (grant, mailer) = (RoleGrant::for_proved_registration(origin), self.mailer.clone());
        let created = self.store.redeem_registration(hash, grant, move |sealed| mailer.open_members(sealed));
        Ok(created.await?)
    }
}
