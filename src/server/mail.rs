//! The job that sends mail.

use std::sync::Arc;

use super::StartError;
use crate::app::App;
use crate::app::jobs::{DeclaredJob, JobError};
use crate::authz::System;
use crate::config::Config;
use crate::domain::Clock;
use crate::mail::{MailSender, Mailer, SEND_MAIL, SendError, Template, Templates, Transport};
use crate::store::{MAIL, TrustedStore};
use crate::telemetry::metrics::MailMetrics;

/// Parts of the server that the sender of mails uses.
pub(crate) struct MailParts {
    pub(crate) store: TrustedStore,
    pub(crate) mailer: Mailer,
    pub(crate) metrics: MailMetrics,
    pub(crate) clock: Clock,
    /// The public URL of the server.
    pub(crate) issuer: String,
}

/// Returns the way of mails, if the server sends any.
///
/// # Errors
/// When the machine has no usable certificates.
pub(crate) fn transport(config: &Config) -> Result<Option<Transport>, StartError> {
    let Some((url, from)) = config.mail_url.as_ref().zip(config.mail_from.as_ref()) else { return Ok(None) };
    Transport::to(url, from).map(Some).map_err(StartError::Mail)
}

/// Returns the sender of mails.
///
/// # Errors
/// When a template of the operator has a fault.
pub(crate) fn mail_sender(
    app: &App,
    config: &Config,
    transport: Transport,
    parts: MailParts,
) -> Result<MailSender, StartError> {
    let templates = Templates::load(config.mail_templates.as_deref())?;
    let MailParts { store, mailer, metrics, clock, issuer } = parts;
    let links = config.links.clone().unwrap_or_default();
    Ok(MailSender { store, mailer, templates, links, transport, metrics, clock, service: app.name, issuer })
}

/// Returns the job that sends the mails of the outbox.
pub(crate) fn mail_job(sender: MailSender) -> DeclaredJob {
    let sender = Arc::new(sender);
    let templates = Template::ALL.map(Template::as_str);
    DeclaredJob::of_messages(System::new(SEND_MAIL, &[]), MAIL, templates, move |message| {
        let sender = Arc::clone(&sender);
        async move {
            sender.send(&message).await.map_err(|error| match error {
                SendError::Temporary(why) => why.into(),
                SendError::Permanent(why) => JobError::permanent(why),
            })
        }
    })
}
