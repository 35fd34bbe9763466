//! HTTP client, its requests and answers.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use actix_web::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use ureq::{AsSendBody, SendBody, http};

use super::interrupted_body::InterruptedBody;

use super::VerifyError;
use super::stop::Stop;
use crate::token::tls;

/// Timeout of a request. It is above the duration of any answer, also on a loaded machine.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Members that differ between two equal answers.
const VARYING_MEMBERS: [&str; 3] = ["instance", "request_id", "decision_id"];

/// Headers that differ between two equal answers. `connection` depends on how much of an unread body had arrived
/// (RFC 9112 §9.3).
const VARYING_HEADERS: [&str; 4] = ["x-request-id", "date", "content-length", "connection"];

/// HTTP client for one server.
pub(crate) struct Client {
    agent: ureq::Agent,
    url: String,
    /// Ends the requests. None once what was created is being removed.
    stop: RefCell<Option<Stop>>,
}

/// Request, without the caller.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) path: String,
    /// The media type and the body.
    pub(crate) body: Option<(&'static str, Vec<u8>)>,
    /// Further headers. `If-Match` is `*` unless it is here; with an empty value it is left out.
    pub(crate) headers: Vec<(&'static str, String)>,
}

/// Answer of the server.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The headers, with names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// The duration.
    pub(crate) took: Duration,
}

impl Request {
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), body: None, headers: Vec::new() }
    }

    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn post(path: impl Into<String>) -> Self {
        Self::new(Method::POST, path)
    }

    pub(crate) fn put(path: impl Into<String>) -> Self {
        Self::new(Method::PUT, path)
    }

    pub(crate) fn delete(path: impl Into<String>) -> Self {
        Self::new(Method::DELETE, path)
    }

    /// Returns a merge patch (RFC 7396).
    pub(crate) fn patch(path: impl Into<String>, body: &Value) -> Self {
        let body = Some(("application/merge-patch+json", body.to_string().into_bytes()));
        Self { body, ..Self::new(Method::PATCH, path) }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        Self { body: Some(("application/json", body.to_string().into_bytes())), ..self }
    }

    #[cfg(feature = "testing")]
    pub(crate) fn bytes(self, media_type: &'static str, bytes: Vec<u8>) -> Self {
        Self { body: Some((media_type, bytes)), ..self }
    }

    pub(crate) fn form(self, pairs: &[(&str, &str)]) -> Self {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        Self { body: Some(("application/x-www-form-urlencoded", form.into_bytes())), ..self }
    }

    /// Returns the method and the path.
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
            .timeout_global(Some(TIMEOUT))
            .user_agent(concat!("cloakroom-verify/", env!("CARGO_PKG_VERSION")))
            .allow_non_standard_methods(true);
        Self {
            agent: config.build().into(),
            url: url.trim_end_matches('/').to_owned(),
            stop: RefCell::default(),
        }
    }

    /// Returns the URL of the server.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Sends no request any more once `stop` is set.
    pub(crate) fn until(self, stop: Stop) -> Self {
        Self { stop: RefCell::new(Some(stop)), ..self }
    }

    /// Sends requests also after a signal.
    pub(super) fn ignore_signals(&self) {
        self.stop.replace(None);
    }

    /// True when a signal ended the requests.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.borrow().as_ref().is_some_and(Stop::is_set)
    }

    /// Sends a request, with a token if given.
    pub(crate) fn send(&self, request: &Request, token: Option<&str>) -> Result<Answer, VerifyError> {
        let authorization = token.map(|token| format!("Bearer {token}"));
        match &request.body {
            Some((_, bytes)) => self.exchange(request, authorization, bytes.as_slice()),
            None => self.exchange(request, authorization, ()),
        }
    }

    /// Sends a request with the credentials of a client by HTTP Basic, both form-encoded (RFC 6749 §2.3.1).
    pub(crate) fn send_by_basic(
        &self,
        request: &Request,
        id: &str,
        secret: &str,
    ) -> Result<Answer, VerifyError> {
        let encoded = |half: &str| form_urlencoded::byte_serialize(half.as_bytes()).collect::<String>();
        let credentials = STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret)));
        let bytes = request.body.as_ref().map_or(&[][..], |(_, bytes)| bytes.as_slice());
        self.exchange(request, Some(format!("Basic {credentials}")), bytes)
    }

    /// Sends a request and runs `interrupt` when the head and the first half of the body have been sent.
    pub(crate) fn send_interrupted(
        &self,
        request: &Request,
        token: &str,
        interrupt: impl FnMut() -> Result<(), VerifyError>,
    ) -> Result<Answer, VerifyError> {
        let bytes = request.body.as_ref().map_or(&[][..], |(_, bytes)| bytes.as_slice());
        let mut body = InterruptedBody::new(bytes, interrupt);
        let answer =
            self.exchange(request, Some(format!("Bearer {token}")), SendBody::from_reader(&mut body));
        body.outcome()?;
        answer
    }

    fn exchange(
        &self,
        request: &Request,
        authorization: Option<String>,
        sent: impl AsSendBody,
    ) -> Result<Answer, VerifyError> {
        if self.is_stopped() {
            return Err(VerifyError::new("a signal ended the run"));
        }
        let Request { method, path, body, headers } = request;
        let failed =
            |error: &dyn std::fmt::Display| VerifyError::new(format!("{}: {error}", request.asked()));
        let mut head = http::Request::builder().method(method.as_str()).uri(format!("{}{path}", self.url));
        if headers.iter().all(|(name, _)| *name != "if-match") {
            head = head.header("if-match", "*");
        }
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            head = head.header(*name, value);
        }
        if let Some(authorization) = authorization {
            head = head.header("authorization", authorization);
        }
        if let Some((media_type, bytes)) = body {
            head = head.header("content-type", *media_type).header("content-length", bytes.len());
        }
        let began = Instant::now();
        let sent = head.body(sent).map_err(|error| failed(&error))?;
        let mut answer = self.agent.run(sent).map_err(|error| failed(&error))?;
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = answer.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        let status = answer.status().as_u16();
        let body = answer.body_mut().read_to_vec().map_err(|error| failed(&error))?;
        let body = String::from_utf8_lossy(&body).into_owned();
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

    /// Returns the id of a created record: the last segment of `Location`.
    pub(crate) fn made(&self) -> Option<&str> {
        let location = self.header("location").unwrap_or_default();
        location.rsplit('/').next().filter(|id| self.is_success() && !id.is_empty())
    }

    /// Returns the body. Null when it is not JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// Returns a text member of the body.
    pub(crate) fn text(&self, member: &str) -> Result<String, VerifyError> {
        let body = self.json();
        let text = body.get(member).and_then(Value::as_str).map(str::to_owned);
        text.ok_or_else(|| VerifyError::new(format!("{member} is missing in an answer {}", self.summary())))
    }

    /// Returns the code of an error.
    pub(crate) fn code(&self) -> Option<String> {
        let member = match self.header("content-type").unwrap_or_default() {
            "application/problem+json" => "code",
            "application/json" if self.status >= 400 => "error",
            _ => return None,
        };
        Some(self.json().get(member).and_then(Value::as_str).unwrap_or_default().to_owned())
    }

    /// Returns the status, and the code of an error.
    pub(crate) fn summary(&self) -> String {
        self.code().map_or_else(|| self.status.to_string(), |code| format!("{} {code}", self.status))
    }

    /// Returns the content without the members and headers that vary.
    pub(crate) fn content(&self) -> (u16, Value, Vec<(String, String)>) {
        let mut body = match self.json() {
            Value::Null => Value::from(self.body.clone()),
            json => json,
        };
        if let Some(members) = body.as_object_mut() {
            members.retain(|name, _| !VARYING_MEMBERS.contains(&name.as_str()));
        }
        let mut headers = self.headers.clone();
        headers.retain(|(name, _)| !VARYING_HEADERS.contains(&name.as_str()));
        headers.sort();
        (self.status, body, headers)
    }
}
