//! Server of a test, with people and requests.

use std::fmt;
use std::sync::Arc;

use actix_web::http::Method;
use serde_json::Value;

use super::server::Server as Running;
use crate::app::App;
use crate::authz::{Scope, ScopeSet};
use crate::domain::Role;
use crate::qa::verify::{Fixture, Request as Sent, VerifyError};

/// Running application for a test: on a port and a database of its own, in this process. It stops when it is dropped.
///
/// ```no_run
/// use cloakroom::testing::Server;
/// # fn app() -> cloakroom::App { cloakroom::App::default() }
/// let server = Server::of(app()).sqlite();
/// let (ada, bob) = (server.user("ada"), server.user("bob"));
/// let note = server.post("/notes").by(&ada).json(&serde_json::json!({ "title": "Coats", "text": "Blue" })).send();
/// let id = note.expect(201).json()["id"].clone();
/// server.get(format!("/notes/{}", id.as_str().unwrap())).by(&bob).send().expect(404);
/// ```
pub struct Server {
    fixture: Fixture,
    running: Running,
}

/// Application that a test starts, with its settings.
#[must_use = "a server answers once it is started"]
pub struct Application {
    app: Arc<App>,
    settings: Vec<(String, String)>,
}

/// User of a test, who is logged in.
#[derive(Clone)]
pub struct Person {
    /// The user's id.
    pub id: String,
    /// The address with which the user logs in.
    pub email: String,
    /// An access token with all scopes of the user's roles.
    pub token: String,
}

/// Request of a test.
#[must_use = "a request does nothing until it is sent"]
pub struct Request<'s> {
    server: &'s Server,
    sent: Sent,
    token: Option<String>,
}

/// Answer to a request of a test.
#[derive(Clone)]
pub struct Answer {
    asked: String,
    /// The status.
    pub status: u16,
    /// The headers, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Application {
    /// Adds a setting. The environment is not read.
    pub fn with(mut self, variable: &str, value: &str) -> Self {
        self.settings.push((variable.to_owned(), value.to_owned()));
        self
    }

    /// Starts it on its own SQLite database.
    ///
    /// # Panics
    /// When it does not start.
    pub fn sqlite(self) -> Server {
        self.start(None)
    }

    /// Starts it on the PostgreSQL database at this URL. It must be new: a test that shares one sees the records of the
    /// other.
    ///
    /// # Panics
    /// When it does not start.
    pub fn postgres(self, database_url: impl Into<String>) -> Server {
        self.start(Some(database_url.into()))
    }

    fn start(self, database_url: Option<String>) -> Server {
        let running = Running::start(&self.app, database_url, &self.settings);
        let fixture = done(Fixture::new(&self.app, running.target()));
        Server { fixture, running }
    }
}

impl Server {
    /// Names the application.
    pub fn of(app: App) -> Application {
        Application { app: Arc::new(app), settings: Vec::new() }
    }

    /// Returns the URL of the server.
    pub fn url(&self) -> &str {
        self.running.url()
    }

    /// Creates a user and logs in. The name is a part of the address.
    ///
    /// # Panics
    /// When the server does not create the user.
    pub fn user(&self, name: &str) -> Person {
        self.user_with(name, &[Role::USER])
    }

    /// Creates a user with these roles and logs in.
    ///
    /// # Panics
    /// When the server does not create the user.
    pub fn user_with(&self, name: &str, roles: &[Role]) -> Person {
        let made = done(self.fixture.new_user_named(name, roles));
        Person { id: made.id, email: made.email, token: made.token }
    }

    /// Registers a client with these scopes, and returns its access token.
    ///
    /// # Panics
    /// When the server does not register the client.
    pub fn client(&self, scopes: &[Scope]) -> String {
        let scopes: ScopeSet = scopes.iter().copied().collect();
        done(self.fixture.new_client(&scopes).and_then(|client| self.fixture.token_of(&client)))
    }

    /// Begins a `GET`.
    pub fn get(&self, path: impl Into<String>) -> Request<'_> {
        self.request(Method::GET, path)
    }

    /// Begins a `POST`.
    pub fn post(&self, path: impl Into<String>) -> Request<'_> {
        self.request(Method::POST, path)
    }

    /// Begins a `PUT`.
    pub fn put(&self, path: impl Into<String>) -> Request<'_> {
        self.request(Method::PUT, path)
    }

    /// Begins a `PATCH` with a merge patch (RFC 7396) as its body.
    pub fn patch(&self, path: impl Into<String>, body: &Value) -> Request<'_> {
        Request { sent: Sent::patch(path, body), server: self, token: None }
    }

    /// Begins a `DELETE`.
    pub fn delete(&self, path: impl Into<String>) -> Request<'_> {
        self.request(Method::DELETE, path)
    }

    fn request(&self, method: Method, path: impl Into<String>) -> Request<'_> {
        Request { sent: Sent::new(method, path), server: self, token: None }
    }
}

impl Request<'_> {
    /// Sends the token of this person.
    pub fn by(self, person: &Person) -> Self {
        self.bearer(&person.token)
    }

    /// Sends this token.
    pub fn bearer(self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self }
    }

    /// Sends this JSON.
    pub fn json(self, body: &Value) -> Self {
        Self { sent: self.sent.json(body), ..self }
    }

    /// Sends these bytes, which are of this media type.
    pub fn body(self, media_type: &'static str, bytes: impl Into<Vec<u8>>) -> Self {
        Self { sent: self.sent.bytes(media_type, bytes.into()), ..self }
    }

    /// Sends a header, with a name in lower case. `if-match` is `*` unless it is set; an empty value leaves it out.
    pub fn header(self, name: &'static str, value: impl Into<String>) -> Self {
        Self { sent: self.sent.header(name, value), ..self }
    }

    /// Sends the request.
    ///
    /// # Panics
    /// When no answer comes.
    pub fn send(self) -> Answer {
        let asked = self.sent.asked();
        let answer = done(self.server.fixture.send(&self.sent, self.token.as_deref()));
        Answer { asked, status: answer.status, headers: answer.headers, body: answer.body }
    }
}

impl Answer {
    /// Checks the status.
    ///
    /// # Panics
    /// With the request and the body, when the status is another.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert!(self.status == status, "{status} was expected of {self}");
        self
    }

    /// Returns the body. Null when it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// Returns a header by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, which was answered {} {}", self.asked, self.status, self.body)
    }
}

#[track_caller]
fn done<T>(outcome: Result<T, VerifyError>) -> T {
    outcome.unwrap_or_else(|error| panic!("{error}"))
}
