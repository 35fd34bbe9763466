//! HTTP requests and answers.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

/// Request under construction.
#[must_use]
pub struct Request {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// Answer of the server.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Request {
    pub fn new(method: &str, url: String) -> Self {
        Self { method: method.to_owned(), url, headers: Vec::new(), body: Vec::new() }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Authenticates a client by `client_secret_basic`, whose halves are form-encoded (RFC 6749 §2.3.1).
    pub fn basic(self, id: &str, secret: &str) -> Self {
        let encoded = |half: &str| form_urlencoded::byte_serialize(half.as_bytes()).collect::<String>();
        let credentials = STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret)));
        self.header("authorization", &format!("Basic {credentials}"))
    }

    pub fn if_match(self, tag: &str) -> Self {
        self.header("if-match", tag)
    }

    /// Sets a JSON body, with the media type that the method takes.
    pub fn json(self, body: &Value) -> Self {
        let media = if self.method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        self.body(media, body.to_string())
    }

    pub fn form(self, pairs: &[(&str, &str)]) -> Self {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        self.body("application/x-www-form-urlencoded", form)
    }

    pub fn body(mut self, media: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", media)
    }

    pub(super) fn parts(&self) -> (&str, &[(String, String)], &[u8]) {
        (&self.method, &self.headers, &self.body)
    }

    /// Returns the path with the query.
    pub(super) fn path(&self) -> &str {
        let (_, rest) = self.url.split_once("://").expect("a URL");
        rest.find('/').map_or("/", |slash| &rest[slash..])
    }

    #[track_caller]
    pub fn send(self) -> Answer {
        let asked = format!("{} {}", self.method, self.url);
        self.try_send().unwrap_or_else(|error| panic!("{asked}: {error}"))
    }

    /// Sends the request. Returns an error if the server closes the connection before it answers.
    pub fn try_send(self) -> Result<Answer, ureq::Error> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(Duration::from_secs(30)))
            .allow_non_standard_methods(true)
            .build()
            .into();
        let mut request = ureq::http::Request::builder().method(self.method.as_str()).uri(&self.url);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let mut answer = if self.body.is_empty() {
            agent.run(request.body(()).expect("a request"))
        } else {
            agent.run(request.body(self.body.as_slice()).expect("a request"))
        }?;
        let text = |value: &ureq::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        Ok(Answer {
            status: answer.status().as_u16(),
            headers: answer.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
            body: String::from_utf8_lossy(&answer.body_mut().read_to_vec()?).into_owned(),
        })
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn etag(&self) -> &str {
        self.header("etag").unwrap_or_else(|| panic!("no ETag: {self:?}"))
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// Returns the JSON pointer and code of each broken rule.
    pub fn broken_rules(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let errors = self.json()["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().map(|rule| (text(&rule["pointer"]), text(&rule["code"]))).collect()
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// Checks that the answer is a problem with this status and code, and that it is a complete problem
    /// document.
    #[track_caller]
    pub fn expect_problem(self, status: u16, code: &str) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
        let problem = answer.json();
        assert_eq!(problem["code"], code, "{answer:?}");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["request_id"].as_str(), answer.header("x-request-id"));
        assert!(problem["type"].as_str().is_some_and(|url| url.ends_with(&format!("/problems/{code}"))));
        if status == 409 {
            let [(_, rule)] = &answer.broken_rules()[..] else { panic!("one collision: {answer:?}") };
            let known = if code.ends_with("-taken") { "taken" } else { code };
            assert_eq!(rule, known, "{answer:?}");
        }
        answer
    }
}

/// Sends exactly these bytes. Returns what the server sends until it closes the connection or the read times
/// out.
pub fn send_raw(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a time-out");
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(read) = stream.read(&mut chunk) {
        answer.extend_from_slice(&chunk[..read]);
        let complete = String::from_utf8_lossy(&answer).contains("\r\n\r\n") && read < chunk.len();
        if read == 0 || complete {
            break;
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

impl Answer {
    /// Returns the codes of the broken rules; none when the request was accepted.
    pub fn broken_rules_if_any(&self) -> Vec<String> {
        match self.status {
            422 => self.broken_rules().into_iter().map(|(_, code)| code).collect(),
            201 => Vec::new(),
            _ => panic!("{self:?}"),
        }
    }
}

/// Decodes the header and the claims of a JWT without verification.
pub fn decoded(token: &str) -> (Value, Value) {
    let part = |index: usize| {
        let encoded = token.split('.').nth(index).expect("three parts");
        let bytes = URL_SAFE_NO_PAD.decode(encoded).expect("base64url");
        serde_json::from_slice(&bytes).expect("JSON")
    };
    (part(0), part(1))
}
