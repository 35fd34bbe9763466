//! Mail: what is written, where a link leads, and how a message reaches the mail server.
//!
//! A mail is queued in the transaction of the change that it tells of, with its content sealed. The job
//! `SEND_MAIL` sends it, under the lease and with the back-off of every job. So a mail server that hangs delays no
//! request, and what was acknowledged is sent at least once.

mod error;
mod links;
mod mailbox;
mod message;
mod queued;
mod sender;
mod smtp;
mod template;
mod transport;
mod url;

pub(crate) use error::SendError;
pub use links::MailLinks;
pub(crate) use mailbox::{Mailbox, SentMail};
pub(crate) use queued::{MAIL_PURPOSE, Mailer, REGISTRATION_CONTEXT, RegistrationMembers};
pub(crate) use sender::MailSender;
pub(crate) use template::{Content, Template, TemplateError, Templates};
pub(crate) use transport::Transport;
pub use url::{MailAddress, MailUrl};

/// Name of the job that sends mail.
pub(crate) const SEND_MAIL: &str = "send mail";
