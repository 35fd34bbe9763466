//! Test fixture: users and clients that are created on the server, and removed afterwards.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta};
use serde_json::{Value, json};

use super::client::Answer;
use super::leftovers;
use super::target::RemoveLastAdmin;
use super::{Client, Credential, Request, Target, VerifyError};
use crate::app::App;
use crate::authz::ScopeSet;
use crate::domain::{Clock, NoRandomness, Random, Role};
use crate::token::{IssueTo, Keys};

/// Client id in a token with every scope.
const EVERYTHING: &str = "everything";

/// Time after which the token with every scope is replaced. It is below the least value of `CLOAKROOM_STEP_UP`, after
/// which an administrator's login is too old for some rules.
const REFRESH_AFTER: Duration = Duration::from_secs(30);

/// Greatest difference between clocks that are taken as equal. `Date` has whole seconds, and an answer takes time.
const EQUAL_CLOCKS: TimeDelta = TimeDelta::seconds(3);

/// Test user with a token.
#[derive(Clone, Debug, Default)]
pub(crate) struct TestUser {
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) roles: Vec<Role>,
    pub(crate) token: String,
}

/// Test client that acts for itself.
#[derive(Clone, Debug)]
pub(crate) struct TestClient {
    pub(super) id: String,
    pub(super) secret: String,
}

/// Record that the run created.
pub(super) struct MadeRecord {
    pub(super) path: String,
    /// The user who created it, if a user did. An owner may be the only one who can delete a record.
    pub(super) maker: Option<TestUser>,
}

/// Running server with its test users and clients.
pub(crate) struct Fixture {
    pub(crate) app: Arc<App>,
    pub(crate) other: TestUser,
    /// Password of all users of the run. Nothing keeps it.
    pub(crate) password: String,
    pub(super) client: Client,
    pub(super) issuer: String,
    pub(super) audience: String,
    pub(super) keys: Option<Keys>,
    pub(super) jwks: Value,
    credential: Credential,
    everything: RefCell<Option<(String, Instant)>>,
    /// Random bits of this run, in the names of all that it creates.
    mark: String,
    numbers: Cell<u32>,
    /// Last renewal of the marker.
    pub(super) renewed: Cell<Option<Instant>>,
    pub(super) records: RefCell<Vec<MadeRecord>>,
    /// The last user who consented to a client, and the client.
    pub(super) consent: RefCell<Option<(String, String)>>,
    pub(super) remove_last_admin: Option<RemoveLastAdmin>,
    /// Set for a test server.
    pub(super) is_test_server: bool,
    /// Time that the server's clock is ahead of the clock of this machine.
    pub(super) ahead: TimeDelta,
}

impl Fixture {
    /// Returns a fixture that has created nothing yet.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub(crate) fn new(app: &Arc<App>, target: Target) -> Result<Self, VerifyError> {
        let random = |error: NoRandomness| VerifyError::new(error.to_string());
        Ok(Self {
            app: Arc::clone(app),
            other: TestUser::default(),
            password: hex(&Random::system().bytes::<16>().map_err(random)?),
            client: Client::of(&target.url).until(target.stop),
            issuer: target.issuer,
            audience: target.audience,
            keys: target.keys,
            jwks: Value::Null,
            credential: target.everything,
            everything: RefCell::default(),
            mark: hex(&Random::system().bytes::<16>().map_err(random)?),
            numbers: Cell::new(0),
            renewed: Cell::new(None),
            records: RefCell::default(),
            consent: RefCell::default(),
            remove_last_admin: target.remove_last_admin,
            is_test_server: target.is_test_server,
            ahead: TimeDelta::zero(),
        })
    }

    /// Reads the public keys and the clock of the server, and creates the other user.
    ///
    /// # Errors
    /// When the server does not answer as expected.
    pub(super) fn prepare(&mut self) -> Result<(), VerifyError> {
        let answer = self.done(&Request::get("/.well-known/jwks.json"), None)?;
        let date = answer.header("date").and_then(|date| DateTime::parse_from_rfc2822(date).ok());
        let ahead = date.map_or(TimeDelta::zero(), |date| date.to_utc() - Clock::system().now());
        self.ahead = if ahead.abs() > EQUAL_CLOCKS { ahead } else { TimeDelta::zero() };
        self.jwks = answer.json();
        self.other = self.new_user(&[Role::USER])?;
        Ok(())
    }

    /// True when a signal ended the requests.
    pub(super) fn is_stopped(&self) -> bool {
        self.client.is_stopped()
    }

    /// Sends requests also after a signal.
    pub(super) fn ignore_signals(&self) {
        self.client.ignore_signals();
    }

    /// Returns a new number.
    pub(crate) fn next_number(&self) -> u32 {
        self.numbers.set(self.numbers.get() + 1);
        self.numbers.get()
    }

    /// Returns the random bits of this run.
    pub(crate) fn mark(&self) -> &str {
        &self.mark
    }

    pub(crate) fn send(&self, request: &Request, token: Option<&str>) -> Result<Answer, VerifyError> {
        self.renew_marker()?;
        self.client.send(request, token)
    }

    /// Sends a request and runs `interrupt` in the middle of its body.
    pub(crate) fn send_interrupted(
        &self,
        request: &Request,
        token: &str,
        interrupt: impl FnMut() -> Result<(), VerifyError>,
    ) -> Result<Answer, VerifyError> {
        self.client.send_interrupted(request, token, interrupt)
    }

    /// Returns a token with every scope.
    ///
    /// # Errors
    /// When the server issues none.
    pub(crate) fn everything(&self) -> Result<String, VerifyError> {
        let known = self.everything.borrow().clone();
        if let Some((token, _)) = known.filter(|(_, since)| since.elapsed() < REFRESH_AFTER) {
            return Ok(token);
        }
        let token = match &self.credential {
            Credential::Token(token) => token.clone(),
            Credential::Client(id, secret) => client_token(&self.client, id, secret)?,
            Credential::User(email, password) => session_token(&self.client, email, password, None)?,
            Credential::Key => {
                let everything = IssueTo::Client { id: EVERYTHING.to_owned(), epoch: i64::MAX };
                let token = self.good(everything, EVERYTHING, &self.all_scopes())?;
                token.ok_or_else(|| VerifyError::new("the server's signing key is not available"))?
            }
        };
        self.everything.replace(Some((token.clone(), Instant::now())));
        Ok(token)
    }

    /// Sends a request that must succeed.
    ///
    /// # Errors
    /// When it does not.
    pub(crate) fn done(&self, request: &Request, token: Option<&str>) -> Result<Answer, VerifyError> {
        let answer = self.send(request, token)?;
        if answer.is_success() {
            return Ok(answer);
        }
        Err(VerifyError::new(format!("{}: {} {}", request.asked(), answer.status, answer.body)))
    }

    /// Returns an address of this run.
    pub(crate) fn new_address(&self) -> String {
        leftovers::address(&format!("person{}", self.next_number()), &self.mark)
    }

    /// Returns a client id of this run.
    pub(crate) fn new_client_id(&self) -> String {
        leftovers::client_id(&self.mark, self.next_number())
    }

    /// Creates a user and logs in.
    pub(crate) fn new_owner(&self) -> Result<TestUser, VerifyError> {
        self.new_user(&[Role::USER])
    }

    /// Creates a user with these roles and logs in.
    pub(crate) fn new_user(&self, roles: &[Role]) -> Result<TestUser, VerifyError> {
        self.new_user_named("person", roles)
    }

    /// Creates a user whose address begins with this name, with these roles, and logs in.
    pub(crate) fn new_user_named(&self, name: &str, roles: &[Role]) -> Result<TestUser, VerifyError> {
        let email = leftovers::address(&format!("{name}{}", self.next_number()), &self.mark);
        let body = json!({ "email": email, "password": self.password, "roles": roles });
        let request = Request::post("/users").json(&body);
        let id = self.done(&request, Some(&self.everything()?))?.text("id")?;
        let token = self.log_in(&email, None)?;
        Ok(TestUser { id, email, roles: roles.to_vec(), token })
    }

    /// Logs in, and returns a token with this scope, or with all that can be granted.
    pub(crate) fn log_in(&self, email: &str, scope: Option<&ScopeSet>) -> Result<String, VerifyError> {
        session_token(&self.client, email, &self.password, scope)
    }

    /// Signs a user in in a browser, and returns the cookie of the session.
    pub(crate) fn cookie_of(&self, user: &TestUser) -> Result<String, VerifyError> {
        let body = json!({ "email": user.email, "password": self.password, "cookie": true });
        let request = Request::post("/sessions").json(&body).header("origin", self.origin());
        let answer = self.done(&request, None)?;
        let pair = answer.header("set-cookie").and_then(|cookie| cookie.split(';').next());
        pair.map(str::to_owned).ok_or_else(|| VerifyError::new("a session of a browser has no cookie"))
    }

    /// Adds what a page of the server's own origin sends.
    pub(crate) fn on_own_page(&self, request: Request, cookie: &str) -> Request {
        let request = request.header("cookie", cookie).header("origin", self.origin());
        request.header("sec-fetch-site", "same-origin")
    }

    /// Returns the origin of the server's own pages.
    pub(crate) fn origin(&self) -> String {
        url::Url::parse(&self.issuer).map(|url| url.origin().ascii_serialization()).unwrap_or_default()
    }

    /// Ends the session of a token.
    pub(crate) fn log_out(&self, token: &str) -> Result<(), VerifyError> {
        self.done(&Request::delete("/sessions/current"), Some(token)).map(drop)
    }

    pub(crate) fn suspend(&self, user: &TestUser) -> Result<(), VerifyError> {
        let path = format!("/users/{}/status", user.id);
        let request = Request::put(path).json(&json!({ "status": "suspended" }));
        self.done(&request, Some(&self.everything()?)).map(drop)
    }

    /// Takes all roles of a user.
    pub(crate) fn demote(&self, user: &TestUser) -> Result<(), VerifyError> {
        let request = Request::put(format!("/users/{}/roles", user.id));
        self.done(&request.json(&json!({ "roles": [] })), Some(&self.everything()?)).map(drop)
    }

    pub(crate) fn delete(&self, user: &TestUser) -> Result<(), VerifyError> {
        let request = Request::delete(format!("/users/{}", user.id));
        self.done(&request, Some(&self.everything()?)).map(drop)
    }

    /// Returns a session of a logged-in user.
    pub(crate) fn session_of(&self, user: &TestUser) -> Result<String, VerifyError> {
        let request = Request::get(format!("/users/{}/sessions", user.id));
        let sessions = self.done(&request, Some(&self.everything()?))?.json();
        let id = sessions.pointer("/items/0/id").and_then(Value::as_str);
        id.map(str::to_owned).ok_or_else(|| VerifyError::new(format!("the user {} has no session", user.id)))
    }

    /// Creates a client with these scopes.
    pub(crate) fn new_client(&self, scopes: &ScopeSet) -> Result<TestClient, VerifyError> {
        let scopes: ScopeSet = scopes.iter().filter(|scope| !scope.is_identity()).collect();
        let name = self.new_client_id();
        let body = json!({
            "client_id": name, "client_name": "created by cloakroom verify", "scope": scopes.to_string(),
            "grant_types": ["client_credentials"],
        });
        let request = Request::post("/clients").json(&body);
        let made = self.done(&request, Some(&self.everything()?))?;
        let (id, secret) = (made.text("client_id")?, made.text("client_secret")?);
        Ok(TestClient { id, secret })
    }

    /// Returns a token of the client for itself.
    pub(crate) fn token_of(&self, client: &TestClient) -> Result<String, VerifyError> {
        client_token(&self.client, &client.id, &client.secret)
    }

    /// Sends a form with the credentials of a client, by HTTP Basic.
    pub(super) fn form_of(
        &self,
        client: &TestClient,
        path: &str,
        pairs: &[(&str, &str)],
    ) -> Result<Answer, VerifyError> {
        self.client.send_by_basic(&Request::post(path).form(pairs), &client.id, &client.secret)
    }

    /// Returns the scopes of every user.
    pub(crate) fn own_scopes(&self) -> ScopeSet {
        self.app.vocabulary().granted_by(&[Role::USER])
    }

    /// Returns every scope.
    pub(crate) fn all_scopes(&self) -> ScopeSet {
        self.app.vocabulary().scopes().iter().copied().collect()
    }

    /// Notes a record to remove at the end, and the user who created it.
    pub(crate) fn note_record(&self, path: String, maker: Option<&TestUser>) {
        self.records.borrow_mut().push(MadeRecord { path, maker: maker.cloned() });
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns a token of a new session.
fn session_token(
    client: &Client,
    email: &str,
    password: &str,
    scope: Option<&ScopeSet>,
) -> Result<String, VerifyError> {
    let mut body = json!({ "email": email, "password": password });
    if let (Some(scope), Some(members)) = (scope, body.as_object_mut()) {
        members.insert("scope".to_owned(), scope.to_string().into());
    }
    let answer = client.send(&Request::post("/sessions").json(&body), None)?;
    if answer.is_success() {
        return answer.text("access_token");
    }
    Err(VerifyError::new(format!("{email} cannot log in: {}", answer.summary())))
}

/// Returns a token by client credentials (RFC 6749 §4.4). The client authenticates by `client_secret_basic`.
fn client_token(client: &Client, id: &str, secret: &str) -> Result<String, VerifyError> {
    let request = Request::post("/oauth/token").form(&[("grant_type", "client_credentials")]);
    let answer = client.send_by_basic(&request, id, secret)?;
    if answer.is_success() {
        return answer.text("access_token");
    }
    let why = answer.text("error_description").unwrap_or_else(|_| answer.summary());
    Err(VerifyError::new(format!("the client {id} gets no token: {why}")))
}
