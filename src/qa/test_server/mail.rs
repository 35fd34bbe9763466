//! `/test/mail`: the mails that a test server keeps instead of sending them.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::server::test_server;
use crate::domain::{Email, format_time, parse_number};
use crate::http::{Json, Parameter, Parameters, Problem, Public, Query, QueryType, Services};
use crate::mail::SentMail;

/// Longest time that a request waits for a mail.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Query of the mails.
pub(super) struct MailQuery {
    /// Only mails to this address.
    to: Option<String>,
    /// Only mails after the one with this id.
    after: u64,
    /// How long the request waits for the first one.
    wait: Duration,
}

impl QueryType for MailQuery {
    fn parameters() -> Vec<Parameter> {
        let text = || json!({ "type": "string" });
        vec![
            Parameter::optional("to", "Only mails to this address", text()),
            Parameter::optional(
                "after",
                "Only mails after the one with this id",
                json!({ "type": "integer", "minimum": 0 }),
            ),
            Parameter::optional(
                "wait",
                "How long to wait for the first one, such as `2s`; at most 30s",
                text(),
            ),
        ]
    }

    fn read(parameters: &mut Parameters) -> Result<Self, String> {
        let wait = |text: &str| {
            let wait = humantime::parse_duration(text).ok().filter(|wait| *wait <= LONGEST_WAIT);
            wait.ok_or("must be a time of at most 30s, such as 2s")
        };
        let number = |text: &str| parse_number(text).ok_or("must be the id of a mail");
        Ok(Self {
            to: parameters.take("to", |to| Ok::<_, Infallible>(Email::query_key(to)))?,
            after: parameters.take("after", number)?.unwrap_or_default(),
            wait: parameters.take("wait", wait)?.unwrap_or_default(),
        })
    }
}

/// Mails, the oldest first.
#[derive(Serialize, ToSchema)]
#[schema(as = TestMails)]
pub(super) struct MailsView {
    items: Vec<MailView>,
}

/// A mail.
#[derive(Serialize, ToSchema)]
#[schema(as = TestMail)]
struct MailView {
    /// Its number.
    id: u64,
    /// Its receiver.
    #[schema(format = "email")]
    to: String,
    /// Its subject.
    subject: String,
    /// The text part.
    text: String,
    /// The HTML part.
    html: String,
    /// The links in it.
    #[schema(examples(json!(["http://127.0.0.1:8080/oauth/reset-password?token=q1Zk"])))]
    links: Vec<String>,
    /// `Message-ID`, the same when a mail is sent twice.
    message_id: String,
    /// When it was requested.
    #[schema(format = "date-time")]
    at: String,
}

impl From<SentMail> for MailView {
    fn from(mail: SentMail) -> Self {
        let SentMail { id, to, subject, text, html, link, message_id, at } = mail;
        Self {
            id,
            to,
            subject,
            text,
            html,
            links: link.into_iter().collect(),
            message_id,
            at: format_time(at),
        }
    }
}

/// `GET /test/mail`
pub(super) async fn list(
    _: Public,
    Query(query): Query<MailQuery>,
    services: Arc<Services>,
) -> Result<Json<MailsView>, Problem> {
    let test = test_server(&services)?;
    let mut newest = test.mailbox.newest();
    let found = async {
        loop {
            let found = test.mailbox.after(query.after, query.to.as_deref());
            if !found.is_empty() || newest.changed().await.is_err() {
                return found;
            }
        }
    };
    let items = tokio::time::timeout(query.wait, found).await;
    let items = items.unwrap_or_else(|_| test.mailbox.after(query.after, query.to.as_deref()));
    Ok(Json(MailsView { items: items.into_iter().map(MailView::from).collect() }))
}
