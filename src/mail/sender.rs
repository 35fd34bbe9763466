//! Sender of the mails in the outbox. It looks up what a request must not depend on: whether an address has an account,
//! and how many mails it got.

use chrono::{DateTime, TimeDelta, Utc};

use super::SEND_MAIL;
use super::error::SendError;
use super::links::MailLinks;
use super::message::{OutgoingMail, message_id};
use super::queued::{Kind, MailTask, Mailer, RegistrationMembers};
use super::template::{Content, Template, Templates};
use super::transport::Transport;
use crate::domain::{AccountToken, Clock, Email, Status, TokenPurpose, User, UserId};
use crate::store::{Issued, Message, NewAccountToken, PendingRegistration, RegistrationMail, TrustedStore};
use crate::telemetry::metrics::MailMetrics;

/// Sends mails.
pub(crate) struct MailSender {
    pub(crate) store: TrustedStore,
    pub(crate) mailer: Mailer,
    pub(crate) templates: Templates,
    pub(crate) links: MailLinks,
    pub(crate) transport: Transport,
    pub(crate) metrics: MailMetrics,
    pub(crate) clock: Clock,
    /// The name of the service.
    pub(crate) service: &'static str,
    /// The public URL of the service, with which links begin.
    pub(crate) issuer: String,
}

/// A mail to one address, before it is rendered.
struct Addressed {
    to: Email,
    template: Template,
    /// The address of the account.
    address: Email,
    /// The new address.
    new_address: Option<Email>,
    link: Option<(TokenPurpose, AccountToken)>,
}

impl MailSender {
    /// Sends a mail of the outbox, or drops it. A mail is dropped when its link has expired, or no account has the typed
    /// address. It is also dropped when the account got as many mails as it may get for now.
    ///
    /// # Errors
    /// Why it was not sent, and whether a later attempt can succeed.
    pub(crate) async fn send(&self, message: &Message) -> Result<(), SendError> {
        let sealed = message.payload.as_deref().unwrap_or_default();
        let task = self.mailer.open(&message.record, sealed)?;
        if task.expires_at <= self.clock.now() {
            self.metrics.dropped.inc();
            return Ok(());
        }
        let Some(mail) = self.addressed(task).await?.filter(|mail| !mail.to.is_placeholder()) else {
            self.metrics.dropped.inc();
            return Ok(());
        };
        let outgoing = self.rendered(mail, message)?;
        match self.transport.send(outgoing).await {
            Ok(()) => {
                self.metrics.sent.inc();
                // Without its number the mail is sent all the same.
                if let Err(error) = self.store.count_sent(SEND_MAIL).await {
                    log::warn!("a mail that was sent is not counted: {error}");
                }
            }
            Err(error) => {
                self.metrics.failed.inc();
                return Err(error);
            }
        }
        Ok(())
    }

    /// Decides what is sent to whom.
    async fn addressed(&self, task: MailTask) -> Result<Option<Addressed>, SendError> {
        let MailTask { kind, token, expires_at } = task;
        match (kind, token) {
            (Kind::ResetPassword { typed }, Some(token)) => {
                let Some(user) = self.account_of(&typed).await? else { return Ok(None) };
                self.with_token(user, TokenPurpose::ResetPassword, token, None, expires_at).await
            }
            (Kind::VerifyEmail { user }, Some(token)) => {
                let Some(user) = self.active(UserId(user)).await?.filter(|user| !user.email_verified) else {
                    return Ok(None);
                };
                self.with_token(user, TokenPurpose::VerifyEmail, token, None, expires_at).await
            }
            (Kind::ConfirmEmail { user, new }, Some(token)) => {
                let new = Email::stored(new);
                let is_pending = |user: &User| user.pending_email.as_ref() == Some(&new);
                let Some(user) = self.active(UserId(user)).await?.filter(is_pending) else { return Ok(None) };
                // The owner of a taken address learns nothing of this account.
                if self.store.user_id_by_email(&new).await?.is_some_and(|other| other != user.id) {
                    return Ok(None);
                }
                self.with_token(user, TokenPurpose::ConfirmEmail, token, Some(new), expires_at).await
            }
            (Kind::Invitation { to }, Some(token)) => {
                let is_live = self.store.live_account_token(token.hash()).await?.is_some();
                let link = Some((TokenPurpose::Invitation, token));
                Ok(is_live.then(|| Addressed::to(Email::stored(to), Template::Invitation).with(link)))
            }
            (Kind::EmailChanged { to, old, new }, undo) => {
                let link = undo.map(|token| (TokenPurpose::UndoEmailChange, token));
                let mail = Addressed::to(Email::stored(to), Template::EmailChanged).with(link);
                let (old, new) = (Email::stored(old), Some(Email::stored(new)));
                Ok(Some(Addressed { address: old, new_address: new, ..mail }))
            }
            (Kind::Registration(members), Some(token)) => self.registration(members, token, expires_at).await,
            (_, None) => Err(SendError::Permanent("the mail has no token".to_owned())),
        }
    }

    /// Returns the active account with a typed address. The account of a user of another issuer gets no password.
    async fn account_of(&self, typed: &str) -> Result<Option<User>, SendError> {
        let Some(id) = self.store.user_id_by_email(&Email::stored(typed.to_owned())).await? else {
            return Ok(None);
        };
        match self.store.is_account_of_another_issuer(id).await? {
            true => Ok(None),
            false => self.active(id).await,
        }
    }

    async fn active(&self, id: UserId) -> Result<Option<User>, SendError> {
        let found = self.store.user_and_profile(id).await?.map(|(user, _)| user);
        Ok(found.filter(|user| user.status == Status::Active))
    }

    /// Issues the token of a mail. A mail for a new address goes there, any other to the address of the account.
    async fn with_token(
        &self,
        user: User,
        purpose: TokenPurpose,
        token: AccountToken,
        new_email: Option<Email>,
        expires_at: DateTime<Utc>,
    ) -> Result<Option<Addressed>, SendError> {
        let (hash, email) = (token.hash(), user.email.clone());
        let new =
            NewAccountToken { hash, user: user.id, purpose, email, new_email: new_email.clone(), expires_at };
        if self.store.issue_account_token(new).await? != Issued::Live {
            return Ok(None);
        }
        let template = match purpose {
            TokenPurpose::ResetPassword => Template::ResetPassword,
            TokenPurpose::ConfirmEmail => Template::ConfirmEmail,
            _ => Template::VerifyEmail,
        };
        let to = new_email.clone().unwrap_or_else(|| user.email.clone());
        let mail = Addressed::to(to, template).with(Some((purpose, token)));
        Ok(Some(Addressed { address: user.email, new_address: new_email, ..mail }))
    }

    async fn registration(
        &self,
        members: RegistrationMembers,
        token: AccountToken,
        expires_at: DateTime<Utc>,
    ) -> Result<Option<Addressed>, SendError> {
        let (email, sealed) = (Email::stored(members.email.clone()), self.mailer.seal_members(&members)?);
        let pending = PendingRegistration { hash: token.hash(), email: email.clone(), sealed, expires_at };
        Ok(match self.store.hold_registration(pending).await? {
            RegistrationMail::Confirm => {
                let link = Some((TokenPurpose::VerifyEmail, token));
                Some(Addressed::to(email, Template::ConfirmRegistration).with(link))
            }
            RegistrationMail::Tell => Some(Addressed::to(email, Template::AddressTaken)),
            RegistrationMail::Nothing => None,
        })
    }

    fn rendered(&self, mail: Addressed, message: &Message) -> Result<OutgoingMail, SendError> {
        let purpose = mail.link.as_ref().map(|(purpose, _)| *purpose);
        let link = mail.link.map(|(purpose, token)| self.links.link(&self.issuer, purpose, &token));
        let content = Content {
            service: self.service.to_owned(),
            issuer: self.issuer.clone(),
            link: link.clone().unwrap_or_default(),
            valid_for: purpose.map(|purpose| in_words(purpose.lifetime())).unwrap_or_default(),
            address: mail.address.to_string(),
            new_address: mail.new_address.map(|new| new.to_string()).unwrap_or_default(),
        };
        let rendered = self.templates.render(mail.template, &content);
        let rendered = rendered.map_err(|error| SendError::Temporary(error.to_string()))?;
        let id = message_id(&message.record, &self.issuer);
        Ok(OutgoingMail { to: mail.to, rendered, link, id, at: message.created_at.0 })
    }
}

impl Addressed {
    fn to(to: Email, template: Template) -> Self {
        Self { address: to.clone(), to, template, new_address: None, link: None }
    }

    fn with(self, link: Option<(TokenPurpose, AccountToken)>) -> Self {
        Self { link, ..self }
    }
}

/// Returns a lifetime in whole hours or days.
fn in_words(lifetime: TimeDelta) -> String {
    let (number, unit) = match lifetime.num_hours() {
        hours if hours >= 48 => (lifetime.num_days(), "day"),
        hours => (hours, "hour"),
    };
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {unit}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_told_in_hours_or_days() {
        let told = TokenPurpose::ALL.map(|purpose| in_words(purpose.lifetime()));
        assert_eq!(told, ["1 hour", "24 hours", "24 hours", "7 days", "7 days"]);
    }
}
