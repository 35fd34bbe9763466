//! Messages as they are sent (RFC 5322, RFC 2046 §5.1.4): a text part and an HTML part.

use chrono::{DateTime, Utc};
use lettre::Address;
use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart};

use super::template::Rendered;
use super::url::MailAddress;
use crate::domain::Email;

/// A mail, ready to send.
#[derive(Clone, Debug)]
pub(crate) struct OutgoingMail {
    /// Its receiver.
    pub(super) to: Email,
    pub(super) rendered: Rendered,
    /// The link in it, if there is one.
    pub(super) link: Option<String>,
    /// `Message-ID` (RFC 5322 §3.6.4), the same each time that the mail is sent.
    pub(super) id: String,
    /// When it was requested.
    pub(super) at: DateTime<Utc>,
}

/// Returns the `Message-ID` of a mail with this id, for a server with this public URL.
pub(super) fn message_id(id: &str, issuer: &str) -> String {
    let host = url::Url::parse(issuer).ok().and_then(|url| url.host_str().map(str::to_owned));
    format!("<{id}@{}>", host.unwrap_or_default())
}

/// `Auto-Submitted` (RFC 3834 §5): no program answers the mail.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

impl OutgoingMail {
    /// Returns the message.
    ///
    /// # Errors
    /// When the address cannot stand in a header.
    pub(super) fn message(self, from: &MailAddress) -> Result<Message, String> {
        // An account can be older than the rules for addresses.
        if !self.to.is_deliverable() {
            return Err("the address: a mail program can read it as another".to_owned());
        }
        let (user, domain) = self.to.as_str().rsplit_once('@').unwrap_or_default();
        let to = Address::new(user, domain).map_err(|error| format!("the address: {error}"))?;
        let Rendered { subject, text, html } = self.rendered;
        Message::builder()
            .from(from.0.clone())
            .to(Mailbox::new(None, to))
            .subject(subject)
            .message_id(Some(self.id))
            .date(self.at.into())
            .header(AutoSubmitted)
            .multipart(MultiPart::alternative_plain_html(text, html))
            .map_err(|error| error.to_string())
    }
}
