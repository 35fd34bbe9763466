//! Test fixture: users and clients that are created on the server, and removed afterwards.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::http::Method;
use serde_json::{Value, json};

use super::client::Answer;
use super::{Client, Credential, Request, Target, VerifyError};
use crate::app::App;
use crate::authz::ScopeSet;
use crate::domain::{Clock, Random, Role, UserId};
use crate::token::{
    IssueRequest, IssueTo, Issuer, Keys, TestTokenError, TestTokens, TokenDefect, UnsignedToken,
};

/// Password of all test users. It occurs nowhere else.
pub(crate) const PASSWORD: &str = "eleven porcelain umbrellas at dawn";

/// Client id in a token with every scope.
const EVERYTHING: &str = "everything";

/// Time after which the token with every scope is replaced. It is below the lifetime of any token.
const REFRESH_AFTER: Duration = Duration::from_secs(120);

/// Lifetime of tokens that are signed here. It is above the duration of a run.
const TOKEN_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

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
    id: String,
    secret: String,
}

/// Running server with its test users and clients.
pub(crate) struct Fixture {
    pub(crate) app: Arc<App>,
    pub(crate) other: TestUser,
    client: Client,
    issuer: String,
    audience: String,
    keys: Option<Keys>,
    jwks: Value,
    credential: Credential,
    everything: RefCell<Option<(String, Instant)>>,
    /// Suffix of the names of this run.
    mark: String,
    numbers: Cell<u32>,
    users: RefCell<Vec<String>>,
    clients: RefCell<Vec<String>>,
    records: RefCell<Vec<String>>,
}

impl Fixture {
    /// Creates the fixture on the server.
    ///
    /// # Errors
    /// When the server does not answer as expected.
    pub(crate) fn of(app: &Arc<App>, target: Target) -> Result<Self, VerifyError> {
        let client = Client::of(&target.url);
        let random = Random::system().bytes::<4>().map_err(|error| VerifyError::new(error.to_string()))?;
        let mut fixture = Self {
            app: Arc::clone(app),
            other: TestUser::default(),
            client,
            issuer: target.issuer,
            audience: target.audience,
            keys: target.keys,
            jwks: Value::Null,
            credential: target.everything,
            everything: RefCell::default(),
            mark: random.iter().map(|byte| format!("{byte:02x}")).collect(),
            numbers: Cell::new(0),
            users: RefCell::default(),
            clients: RefCell::default(),
            records: RefCell::default(),
        };
        fixture.jwks = fixture.done(&Request::get("/.well-known/jwks.json"), None)?.json();
        fixture.other = fixture.new_user(&[Role::USER])?;
        Ok(fixture)
    }

    /// Returns a new number.
    pub(crate) fn next_number(&self) -> u32 {
        self.numbers.set(self.numbers.get() + 1);
        self.numbers.get()
    }

    /// Returns the suffix of the names of this run.
    pub(crate) fn mark(&self) -> &str {
        &self.mark
    }

    pub(crate) fn send(&self, request: &Request, token: Option<&str>) -> Result<Answer, VerifyError> {
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

    /// Creates a user and logs in.
    pub(crate) fn new_owner(&self) -> Result<TestUser, VerifyError> {
        self.new_user(&[Role::USER])
    }

    /// Creates a user with these roles and logs in.
    pub(crate) fn new_user(&self, roles: &[Role]) -> Result<TestUser, VerifyError> {
        let email = format!("person{}.{}@example.com", self.next_number(), self.mark);
        let body = json!({ "email": email, "password": PASSWORD, "roles": roles });
        let request = Request::new(Method::POST, "/users").json(&body);
        let id = self.done(&request, Some(&self.everything()?))?.text("id")?;
        self.users.borrow_mut().push(id.clone());
        let token = self.log_in(&email, None)?;
        Ok(TestUser { id, email, roles: roles.to_vec(), token })
    }

    /// Logs in, and returns a token with this scope, or with all that can be granted.
    pub(crate) fn log_in(&self, email: &str, scope: Option<&ScopeSet>) -> Result<String, VerifyError> {
        session_token(&self.client, email, PASSWORD, scope)
    }

    /// Ends the session of a token.
    pub(crate) fn log_out(&self, token: &str) -> Result<(), VerifyError> {
        self.done(&Request::new(Method::DELETE, "/sessions/current"), Some(token)).map(drop)
    }

    pub(crate) fn suspend(&self, user: &TestUser) -> Result<(), VerifyError> {
        let path = format!("/users/{}/status", user.id);
        let request = Request::new(Method::PUT, path).json(&json!({ "status": "suspended" }));
        self.done(&request, Some(&self.everything()?)).map(drop)
    }

    /// Takes all roles of a user.
    pub(crate) fn demote(&self, user: &TestUser) -> Result<(), VerifyError> {
        let request = Request::new(Method::PUT, format!("/users/{}/roles", user.id));
        self.done(&request.json(&json!({ "roles": [] })), Some(&self.everything()?)).map(drop)
    }

    pub(crate) fn delete(&self, user: &TestUser) -> Result<(), VerifyError> {
        let request = Request::new(Method::DELETE, format!("/users/{}", user.id));
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
        let name = format!("verify-{}-{}", self.mark, self.next_number());
        let body = json!({
            "client_id": name, "client_name": "created by cloakroom verify", "scope": scopes.to_string(),
            "grant_types": ["client_credentials"],
        });
        let request = Request::new(Method::POST, "/clients").json(&body);
        let made = self.done(&request, Some(&self.everything()?))?;
        let (id, secret) = (made.text("client_id")?, made.text("client_secret")?);
        self.clients.borrow_mut().push(id.clone());
        Ok(TestClient { id, secret })
    }

    /// Returns a token of the client for itself.
    pub(crate) fn token_of(&self, client: &TestClient) -> Result<String, VerifyError> {
        client_token(&self.client, &client.id, &client.secret)
    }

    /// Returns the scopes of every user.
    pub(crate) fn own_scopes(&self) -> ScopeSet {
        self.app.vocabulary().granted_by(&[Role::USER])
    }

    /// Returns every scope.
    pub(crate) fn all_scopes(&self) -> ScopeSet {
        self.app.vocabulary().scopes().iter().copied().collect()
    }

    /// Returns true when the server's signing key is available.
    pub(crate) fn has_keys(&self) -> bool {
        self.keys.is_some()
    }

    /// Returns a token of the user with this defect. None when it needs the server's signing key, and that is not
    /// available.
    pub(crate) fn wrong(&self, defect: TokenDefect, user: &TestUser) -> Result<Option<String>, VerifyError> {
        if defect.needs_key() && !self.has_keys() {
            return Ok(None);
        }
        let draft = self.unsigned_token_of(user)?;
        match self.test_tokens().defective(defect, draft) {
            Ok(token) => Ok(Some(token)),
            // With a shared secret there is no public key to misuse.
            Err(TestTokenError::NoPublicKey | TestTokenError::NeedsJwks) => Ok(None),
            Err(error) => Err(VerifyError::new(error.to_string())),
        }
    }

    /// Returns a token of a client whose id is that of a user. None without the server's signing key.
    pub(crate) fn named_like(&self, user: &TestUser) -> Result<Option<String>, VerifyError> {
        let issue_to = IssueTo::Client { id: user.id.clone(), epoch: 1 };
        let scope = self.own_scopes().iter().filter(|scope| !scope.is_identity()).collect();
        self.good(issue_to, &user.id, &scope)
    }

    /// Returns a valid token. None without the server's signing key.
    fn good(
        &self,
        subject: IssueTo,
        client_id: &str,
        scope: &ScopeSet,
    ) -> Result<Option<String>, VerifyError> {
        if !self.has_keys() {
            return Ok(None);
        }
        let draft = self.draft(subject, client_id, scope)?;
        self.test_tokens().valid(draft).map(Some).map_err(|error| VerifyError::new(error.to_string()))
    }

    fn unsigned_token_of(&self, user: &TestUser) -> Result<UnsignedToken, VerifyError> {
        let id: UserId = user.id.parse().map_err(|_| VerifyError::new("the id of a user is not a UUID"))?;
        let subject = IssueTo::User { id, roles: user.roles.clone(), epoch: i64::MAX, client_epoch: None };
        self.draft(subject, "cloakroom", &self.own_scopes())
    }

    fn draft(
        &self,
        subject: IssueTo,
        client_id: &str,
        scope: &ScopeSet,
    ) -> Result<UnsignedToken, VerifyError> {
        let (issuer, audience) = (self.issuer.clone(), self.audience.clone());
        let issuer = Issuer::new(issuer, audience, TOKEN_LIFETIME, None, Clock::system(), Random::system());
        let client_id = client_id.to_owned();
        let request =
            IssueRequest { subject, client_id, scope, session: None, audience: None, bound_to: None };
        issuer.draft(request).map_err(|error| VerifyError::new(error.to_string()))
    }

    fn test_tokens(&self) -> TestTokens<'_> {
        TestTokens { keys: self.keys.as_ref(), jwks: Some(&self.jwks), now: Clock::system().now() }
    }

    /// Notes a record to remove at the end.
    pub(crate) fn note_record(&self, path: String) {
        self.records.borrow_mut().push(path);
    }

    /// Removes everything that was created.
    ///
    /// # Errors
    /// Names what could not be removed.
    pub(crate) fn clean_up(&self) -> Result<(), VerifyError> {
        let mut left = Vec::new();
        let paths = self.records.take().into_iter();
        let paths = paths.chain(self.users.take().into_iter().map(|id| format!("/users/{id}")));
        for path in paths.chain(self.clients.take().into_iter().map(|id| format!("/clients/{id}"))) {
            let request = Request::new(Method::DELETE, path.clone());
            match self.everything().and_then(|token| self.send(&request, Some(&token))) {
                Ok(answer) if answer.is_success() || answer.status == 404 => {}
                Ok(answer) => left.push(format!("{path} ({})", answer.summary())),
                Err(VerifyError(why)) => left.push(format!("{path} ({why})")),
            }
        }
        if left.is_empty() {
            Ok(())
        } else {
            Err(VerifyError::new(format!("not removed: {}", left.join(", "))))
        }
    }
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
    let answer = client.send(&Request::new(Method::POST, "/sessions").json(&body), None)?;
    if answer.is_success() {
        return answer.text("access_token");
    }
    Err(VerifyError::new(format!("{email} cannot log in: {}", answer.summary())))
}

/// Returns a token by client credentials (RFC 6749 §4.4).
fn client_token(client: &Client, id: &str, secret: &str) -> Result<String, VerifyError> {
    let form = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)])
        .finish();
    let mut request = Request::new(Method::POST, "/oauth/token");
    request.body = Some(("application/x-www-form-urlencoded", form));
    let answer = client.send(&request, None)?;
    if answer.is_success() {
        return answer.text("access_token");
    }
    Err(VerifyError::new(format!("the client {id} gets no token: {}", answer.summary())))
}
