//! Requests as a client sends them, and answers as it reads them.

use std::time::Duration;

use actix_web::http::Method;
use serde_json::Value;
use ureq::http;

/// Longer than the server takes for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// What differs between two answers that say the same.
const OF_THIS_ANSWER: [&str; 3] = ["instance", "request_id", "decision_id"];

/// A client of one server.
pub(super) struct Client {
    agent: ureq::Agent,
    url: String,
}

/// A request, to be sent by anybody.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) path: String,
    /// Its media type, and itself.
    pub(super) body: Option<(&'static str, String)>,
}

/// An answer.
pub(super) struct Answer {
    pub(super) status: u16,
    media_type: String,
    location: String,
    pub(super) body: String,
}

impl Request {
    pub(super) fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), body: None }
    }

    pub(super) fn json(self, body: &Value) -> Self {
        Self { body: Some(("application/json", body.to_string())), ..self }
    }
}

impl Client {
    pub(super) fn of(url: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(PATIENCE))
            .allow_non_standard_methods(true);
        Self { agent: config.build().into(), url: url.to_owned() }
    }

    pub(super) fn send(&self, request: &Request, token: Option<&str>) -> Answer {
        let Request { method, path, body } = request;
        let asked = format!("{method} {path}");
        let mut head = http::Request::builder()
            .method(method.as_str())
            .uri(format!("{}{path}", self.url))
            .header("if-match", "*");
        if let Some(token) = token {
            head = head.header("authorization", format!("Bearer {token}"));
        }
        let sent = match body {
            Some((media_type, text)) => {
                self.agent.run(head.header("content-type", *media_type).body(text.as_str()).expect(&asked))
            }
            None => self.agent.run(head.body(()).expect(&asked)),
        };
        let mut answer = sent.unwrap_or_else(|error| panic!("{asked}: {error}"));
        let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
        let [media_type, location] =
            ["content-type", "location"].map(|name| header(name).unwrap_or_default().to_owned());
        Answer {
            status: answer.status().as_u16(),
            media_type,
            location,
            body: answer.body_mut().read_to_string().unwrap_or_else(|error| panic!("{asked}: {error}")),
        }
    }
}

impl Answer {
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The id of the record that was made: the end of its address.
    pub(super) fn made(&self) -> Option<&str> {
        self.location.rsplit('/').next().filter(|id| self.is_success() && !id.is_empty())
    }

    /// The body; null where it is no JSON.
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// The status, and the code of what went wrong.
    pub(super) fn summary(&self) -> String {
        let member = match self.media_type.as_str() {
            "application/problem+json" => "code",
            "application/json" if self.status >= 400 => "error",
            _ => return self.status.to_string(),
        };
        format!("{} {}", self.status, self.json().get(member).and_then(Value::as_str).unwrap_or_default())
    }

    /// What it says, without what names this very answer.
    pub(super) fn says(&self) -> (u16, Value) {
        let mut body = match self.json() {
            Value::Null => Value::from(self.body.clone()),
            json => json,
        };
        if let Some(members) = body.as_object_mut() {
            members.retain(|name, _| !OF_THIS_ANSWER.contains(&name.as_str()));
        }
        (self.status, body)
    }
}
