//! Requests as a client sends them, and answers as it reads them.

use std::time::{Duration, Instant};

use actix_web::http::Method;
use serde_json::Value;
use ureq::http;

use super::Trouble;
use crate::token::tls;

/// Longer than the server takes for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// What differs between two answers that say the same.
const OF_THIS_ANSWER: [&str; 3] = ["instance", "request_id", "decision_id"];

/// Headers that differ between two answers that say the same. Whether the connection stays depends on
/// how much of an unread body had come (RFC 9112 §9.3).
const HEADERS_OF_THIS_ANSWER: [&str; 4] = ["x-request-id", "date", "content-length", "connection"];

/// A client of one server.
pub(crate) struct Client {
    agent: ureq::Agent,
    url: String,
}

/// A request, to be sent by anybody.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) path: String,
    /// Its media type, and itself.
    pub(crate) body: Option<(&'static str, String)>,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// By their names, in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// How long it took.
    pub(crate) took: Duration,
}

impl Request {
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), body: None }
    }

    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        Self { body: Some(("application/json", body.to_string())), ..self }
    }

    /// The method and the path.
    pub(crate) fn asked(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

impl Client {
    pub(crate) fn of(url: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .tls_config(tls())
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(PATIENCE))
            .user_agent(concat!("cloakroom-verify/", env!("CARGO_PKG_VERSION")))
            .allow_non_standard_methods(true);
        Self { agent: config.build().into(), url: url.trim_end_matches('/').to_owned() }
    }

    /// Sends it, with this token if any.
    pub(crate) fn send(&self, request: &Request, token: Option<&str>) -> Result<Answer, Trouble> {
        let Request { method, path, body } = request;
        let trouble = |error: &dyn std::fmt::Display| Trouble::new(format!("{}: {error}", request.asked()));
        let mut head = http::Request::builder()
            .method(method.as_str())
            .uri(format!("{}{path}", self.url))
            .header("if-match", "*");
        if let Some(token) = token {
            head = head.header("authorization", format!("Bearer {token}"));
        }
        let began = Instant::now();
        let sent = match body {
            Some((media_type, text)) => {
                let sent = head.header("content-type", *media_type).body(text.as_str());
                self.agent.run(sent.map_err(|error| trouble(&error))?)
            }
            None => self.agent.run(head.body(()).map_err(|error| trouble(&error))?),
        };
        let mut answer = sent.map_err(|error| trouble(&error))?;
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = answer.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        let status = answer.status().as_u16();
        let body = answer.body_mut().read_to_string().map_err(|error| trouble(&error))?;
        Ok(Answer { status, headers, body, took: began.elapsed() })
    }
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The id of the record that was made: the end of its address.
    pub(crate) fn made(&self) -> Option<&str> {
        let location = self.header("location").unwrap_or_default();
        location.rsplit('/').next().filter(|id| self.is_success() && !id.is_empty())
    }

    /// The body; null where it is no JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// A member of the body that is text.
    pub(crate) fn text(&self, member: &str) -> Result<String, Trouble> {
        let body = self.json();
        let text = body.get(member).and_then(Value::as_str).map(str::to_owned);
        text.ok_or_else(|| Trouble::new(format!("there is no {member} in an answer {}", self.summary())))
    }

    /// The code of what went wrong, if something did.
    pub(crate) fn code(&self) -> Option<String> {
        let member = match self.header("content-type").unwrap_or_default() {
            "application/problem+json" => "code",
            "application/json" if self.status >= 400 => "error",
            _ => return None,
        };
        Some(self.json().get(member).and_then(Value::as_str).unwrap_or_default().to_owned())
    }

    /// The status, and the code of what went wrong.
    pub(crate) fn summary(&self) -> String {
        self.code().map_or_else(|| self.status.to_string(), |code| format!("{} {code}", self.status))
    }

    /// What it says, without what names this very answer.
    pub(crate) fn says(&self) -> (u16, Value, Vec<(String, String)>) {
        let mut body = match self.json() {
            Value::Null => Value::from(self.body.clone()),
            json => json,
        };
        if let Some(members) = body.as_object_mut() {
            members.retain(|name, _| !OF_THIS_ANSWER.contains(&name.as_str()));
        }
        let mut headers = self.headers.clone();
        headers.retain(|(name, _)| !HEADERS_OF_THIS_ANSWER.contains(&name.as_str()));
        headers.sort();
        (self.status, body, headers)
    }
}
