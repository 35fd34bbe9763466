//! The way of a message to the mail server.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::error::SendError;
use super::mailbox::{Mailbox, SentMail};
use super::message::{OutgoingMail, message_id};
use super::smtp::SmtpClient;
use super::template::Rendered;
use super::url::{MailAddress, MailUrl};
use crate::domain::Email;

/// The way of a message.
#[derive(Clone)]
pub(crate) enum Transport {
    /// To the mail server.
    Smtp(Arc<SmtpClient>, MailAddress),
    /// Into the log.
    Log(MailAddress),
    /// Into the memory of a test server.
    Memory(Mailbox),
}

impl Transport {
    /// Makes the transport. It connects with the first message.
    ///
    /// # Errors
    /// When the machine has no usable certificates.
    pub(crate) fn to(url: &MailUrl, from: &MailAddress) -> Result<Self, String> {
        match url {
            MailUrl::Log => Ok(Self::Log(from.clone())),
            MailUrl::Smtp(server) => {
                let client = SmtpClient::of(server);
                let client = client.map_err(|error| format!("TLS to the mail server: {error}"))?;
                Ok(Self::Smtp(Arc::new(client), from.clone()))
            }
        }
    }

    /// Sends a mail of the operator, which is not queued. `issuer` is the public URL of the server.
    ///
    /// # Errors
    /// The answer of the mail server.
    pub(crate) async fn send_now(
        &self,
        to: Email,
        rendered: Rendered,
        id: &str,
        issuer: &str,
        at: DateTime<Utc>,
    ) -> Result<(), SendError> {
        let id = message_id(id, issuer);
        self.send(OutgoingMail { to, rendered, link: None, id, at }).await
    }

    /// Sends a mail.
    ///
    /// # Errors
    /// Why it was not sent, and whether a later attempt can succeed.
    pub(super) async fn send(&self, mail: OutgoingMail) -> Result<(), SendError> {
        match self {
            Self::Smtp(client, from) => {
                let message = mail.message(from).map_err(SendError::Permanent)?;
                client.send(&message).await
            }
            Self::Log(from) => {
                let to = mail.to.clone();
                let text = mail.rendered.text.clone();
                mail.message(from).map_err(SendError::Permanent)?;
                log::info!("mail to {to}:\n{text}");
                Ok(())
            }
            Self::Memory(mailbox) => {
                let OutgoingMail { to, rendered, link, id, at } = mail;
                let (subject, text, html) = (rendered.subject, rendered.text, rendered.html);
                let to = to.to_string();
                mailbox.keep(SentMail { id: 0, to, subject, text, html, link, message_id: id, at });
                Ok(())
            }
        }
    }
}
