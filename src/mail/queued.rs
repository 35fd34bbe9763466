//! Mails as they wait in the outbox: sealed under the master key.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::SEND_MAIL;
use super::template::Template;
use crate::domain::{
    AccountToken, ClockAndRandom, Email, NoRandomness, PasswordHash, ProfileChange, Rotating, Status,
    TokenPurpose, UserId,
};
use crate::store::{NewUser, QueuedMail};
use crate::token::{MasterKey, SealError};

/// Purpose of the key that is derived from the master key for mails and registrations.
pub(crate) const MAIL_PURPOSE: &str = "mail";

/// Context in which the members of a registration are sealed.
pub(crate) const REGISTRATION_CONTEXT: &str = "registration";

/// Task of the sender. It is serialised only to be sealed.
#[derive(Serialize, Deserialize)]
pub(crate) struct MailTask {
    /// The mail.
    pub(super) kind: Kind,
    /// Its token, if it has a link.
    #[serde(with = "exposed_token")]
    pub(super) token: Option<AccountToken>,
    /// Time after which the mail is not sent any more.
    pub(super) expires_at: DateTime<Utc>,
}

/// A mail. The sender looks up what the request must not depend on.
#[derive(Serialize, Deserialize)]
pub(super) enum Kind {
    /// To the account with the typed address, if there is one.
    ResetPassword { typed: String },
    /// To a user, about the present address.
    VerifyEmail { user: Uuid },
    /// To the address that shall replace a user's.
    ConfirmEmail { user: Uuid, new: String },
    /// To a user whose token is issued already.
    Invitation { to: String },
    /// To the old or to the new address. The token, if there is one, is issued already.
    EmailChanged { to: String, old: String, new: String },
    /// To the address of a registration.
    Registration(RegistrationMembers),
}

/// The members of a registration whose address is not proved yet. It is serialised only to be sealed.
#[derive(Serialize, Deserialize)]
pub(crate) struct RegistrationMembers {
    pub(super) email: String,
    /// Hash of the password, in the PHC string format.
    password: String,
    profile: BTreeMap<String, String>,
}

/// A token within sealed content.
mod exposed_token {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    use crate::domain::AccountToken;

    /// Writes the token.
    pub(super) fn serialize<S: Serializer>(token: &Option<AccountToken>, to: S) -> Result<S::Ok, S::Error> {
        token.as_ref().map(AccountToken::expose).serialize(to)
    }

    /// Reads the token.
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<AccountToken>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        Ok(text.as_deref().map(AccountToken::presented))
    }
}

impl RegistrationMembers {
    /// Returns the members of a new user.
    pub(crate) fn of(email: &Email, password: &PasswordHash, profile: ProfileChange) -> Self {
        let mut claims = BTreeMap::new();
        profile.apply(&mut claims);
        Self {
            email: email.as_str().to_owned(),
            password: password.expose_phc().to_owned(),
            profile: claims.into_iter().map(|(claim, value)| (claim.to_string(), value)).collect(),
        }
    }

    fn into_user(self) -> NewUser {
        let claims =
            self.profile.into_iter().filter_map(|(name, value)| Some((name.parse().ok()?, Some(value))));
        NewUser {
            email: Email::stored(self.email),
            password: Some(PasswordHash::from_phc(self.password)),
            profile: ProfileChange(claims.collect()),
            status: Status::Active,
            external_id: None,
        }
    }
}

/// Seals mails and queues them. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Mailer {
    key: Rotating<MasterKey>,
    clock_and_random: ClockAndRandom,
}

impl Mailer {
    /// Derives its key from the master key.
    pub(crate) fn new(master: &Rotating<MasterKey>, clock_and_random: ClockAndRandom) -> Self {
        Self { key: master.nested(MAIL_PURPOSE), clock_and_random }
    }

    /// A link for a new password, to the account with the typed address, if there is one.
    pub(crate) fn reset_password(&self, typed: &Email) -> Result<QueuedMail, SealError> {
        let kind = Kind::ResetPassword { typed: typed.as_str().to_owned() };
        self.with_new_token(Template::ResetPassword, kind, TokenPurpose::ResetPassword, typed.key())
    }

    /// A link that proves the address of a user.
    pub(crate) fn verify_email(&self, user: UserId) -> Result<QueuedMail, SealError> {
        self.with_new_token(
            Template::VerifyEmail,
            Kind::VerifyEmail { user: user.0 },
            TokenPurpose::VerifyEmail,
            user.to_string(),
        )
    }

    /// A link that proves a new address, which then replaces that of the user.
    pub(crate) fn confirm_email(&self, user: UserId, new: &Email) -> Result<QueuedMail, SealError> {
        let kind = Kind::ConfirmEmail { user: user.0, new: new.as_str().to_owned() };
        self.with_new_token(Template::ConfirmEmail, kind, TokenPurpose::ConfirmEmail, user.to_string())
    }

    /// An invitation, whose token was issued.
    pub(crate) fn invitation(
        &self,
        user: UserId,
        to: &Email,
        token: AccountToken,
        expires_at: DateTime<Utc>,
    ) -> Result<QueuedMail, SealError> {
        let kind = Kind::Invitation { to: to.as_str().to_owned() };
        let task = MailTask { kind, token: Some(token), expires_at };
        self.seal(Template::Invitation, &task, user.to_string())
    }

    /// Tells an address of a change, with the link that undoes it if there is one.
    pub(crate) fn email_changed(
        &self,
        user: UserId,
        to: &Email,
        old: &Email,
        new: &Email,
        undo: Option<AccountToken>,
    ) -> Result<QueuedMail, SealError> {
        let [to, old, new] = [to, old, new].map(|email| email.as_str().to_owned());
        let kind = Kind::EmailChanged { to, old, new };
        let expires_at = self.clock_and_random.clock.now() + TokenPurpose::UndoEmailChange.lifetime();
        self.seal(Template::EmailChanged, &MailTask { kind, token: undo, expires_at }, user.to_string())
    }

    /// A link that proves the address of a registration, or a word to the owner of a taken address.
    pub(crate) fn registration(&self, members: RegistrationMembers) -> Result<QueuedMail, SealError> {
        let about = Email::stored(members.email.clone()).key();
        let kind = Kind::Registration(members);
        self.with_new_token(Template::ConfirmRegistration, kind, TokenPurpose::VerifyEmail, about)
    }

    fn with_new_token(
        &self,
        template: Template,
        kind: Kind,
        purpose: TokenPurpose,
        about: String,
    ) -> Result<QueuedMail, SealError> {
        let token =
            AccountToken::generate(&self.clock_and_random.random).map_err(|_: NoRandomness| SealError)?;
        let expires_at = self.clock_and_random.clock.now() + purpose.lifetime();
        self.seal(template, &MailTask { kind, token: Some(token), expires_at }, about)
    }

    fn seal(&self, template: Template, task: &MailTask, about: String) -> Result<QueuedMail, SealError> {
        let ClockAndRandom { clock, random } = &self.clock_and_random;
        let id = random.uuid_at(clock.now()).map_err(|_: NoRandomness| SealError)?;
        let plain = Zeroizing::new(serde_json::to_vec(task).map_err(|_| SealError)?);
        let sealed = self.key.seal(random, &plain, &id.to_string())?;
        Ok(QueuedMail { job: SEND_MAIL, id, template: template.as_str(), sealed, about })
    }

    /// Opens a mail, which was queued with this id.
    pub(super) fn open(&self, id: &str, sealed: &[u8]) -> Result<MailTask, SealError> {
        serde_json::from_slice(&self.key.open(sealed, id)?).map_err(|_| SealError)
    }

    /// Seals the members of a registration until its address is proved.
    pub(super) fn seal_members(&self, members: &RegistrationMembers) -> Result<Vec<u8>, SealError> {
        let plain = Zeroizing::new(serde_json::to_vec(members).map_err(|_| SealError)?);
        self.key.seal(&self.clock_and_random.random, &plain, REGISTRATION_CONTEXT)
    }

    /// Opens the members of a registration.
    pub(crate) fn open_members(&self, sealed: &[u8]) -> Option<NewUser> {
        let plain = self.key.open(sealed, REGISTRATION_CONTEXT).ok()?;
        serde_json::from_slice(&plain).ok().map(RegistrationMembers::into_user)
    }
}
