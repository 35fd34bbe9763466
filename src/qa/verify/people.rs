//! Those who call: users and clients that are made for it, and removed afterwards.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::http::Method;
use serde_json::{Value, json};

use super::client::{Answer, Client, Request};
use super::{Credential, Target, Trouble};
use crate::App;
use crate::authz::ScopeSet;
use crate::domain::{Clock, Random, Role, UserId};
use crate::token::{
    IssueRequest, IssueTo, Issuer, Keys, TestTokenError, TestTokens, TokenDefect, UnsignedToken,
};

/// Everybody's password, which stands nowhere else.
pub(crate) const PASSWORD: &str = "eleven porcelain umbrellas at dawn";

/// The client that a token with every scope is made for.
const EVERYTHING: &str = "everything";

/// How long a token with every scope is used before another one is got: less than any is good for.
const FRESH: Duration = Duration::from_secs(120);

/// How long a token that is made here is good for: longer than everything takes.
const LONG: Duration = Duration::from_secs(24 * 60 * 60);

/// A user, logged in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) roles: Vec<Role>,
    pub(crate) token: String,
}

/// A client that acts for itself.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    id: String,
    secret: String,
}

/// A running server, and those who call it.
pub(crate) struct World {
    pub(crate) app: Arc<App>,
    pub(crate) other: Person,
    client: Client,
    issuer: String,
    audience: String,
    keys: Option<Keys>,
    jwks: Value,
    credential: Credential,
    everything: RefCell<Option<(String, Instant)>>,
    /// What tells the names of this run from those of others.
    mark: String,
    numbers: Cell<u32>,
    users: RefCell<Vec<String>>,
    clients: RefCell<Vec<String>>,
    records: RefCell<Vec<String>>,
}

impl World {
    /// # Errors
    /// When the server does not answer as one of this kind does.
    pub(crate) fn of(app: &Arc<App>, target: Target) -> Result<Self, Trouble> {
        let client = Client::of(&target.url);
        let random = Random::system().bytes::<4>().map_err(|error| Trouble::new(error.to_string()))?;
        let mut world = Self {
            app: Arc::clone(app),
            other: Person::default(),
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
        world.jwks = world.done(&Request::get("/.well-known/jwks.json"), None)?.json();
        world.other = world.person(&[Role::USER])?;
        Ok(world)
    }

    /// A number that was not used before.
    pub(crate) fn next_number(&self) -> u32 {
        self.numbers.set(self.numbers.get() + 1);
        self.numbers.get()
    }

    /// What tells the names of this run from those of others.
    pub(crate) fn mark(&self) -> &str {
        &self.mark
    }

    pub(crate) fn send(&self, request: &Request, token: Option<&str>) -> Result<Answer, Trouble> {
        self.client.send(request, token)
    }

    /// The token of somebody with every scope there is.
    ///
    /// # Errors
    /// When the server gives them none.
    pub(crate) fn everything(&self) -> Result<String, Trouble> {
        let known = self.everything.borrow().clone();
        if let Some((token, _)) = known.filter(|(_, since)| since.elapsed() < FRESH) {
            return Ok(token);
        }
        let token = match &self.credential {
            Credential::Token(token) => token.clone(),
            Credential::Client(id, secret) => client_token(&self.client, id, secret)?,
            Credential::User(email, password) => session_token(&self.client, email, password, None)?,
            Credential::Key => {
                let everything = IssueTo::Client { id: EVERYTHING.to_owned(), epoch: i64::MAX };
                let token = self.good(everything, EVERYTHING, &self.all_scopes())?;
                token.ok_or_else(|| Trouble::new("the server's key is not here"))?
            }
        };
        self.everything.replace(Some((token.clone(), Instant::now())));
        Ok(token)
    }

    /// What one of cloakroom's own routes answers.
    pub(crate) fn done(&self, request: &Request, token: Option<&str>) -> Result<Answer, Trouble> {
        let answer = self.send(request, token)?;
        if answer.is_success() {
            return Ok(answer);
        }
        Err(Trouble::new(format!("{}: {} {}", request.asked(), answer.status, answer.body)))
    }

    /// A new user, logged in.
    pub(crate) fn new_owner(&self) -> Result<Person, Trouble> {
        self.person(&[Role::USER])
    }

    /// A new user with these roles, logged in.
    pub(crate) fn person(&self, roles: &[Role]) -> Result<Person, Trouble> {
        let email = format!("person{}.{}@example.com", self.next_number(), self.mark);
        let body = json!({ "email": email, "password": PASSWORD, "roles": roles });
        let request = Request::new(Method::POST, "/users").json(&body);
        let id = self.done(&request, Some(&self.everything()?))?.text("id")?;
        self.users.borrow_mut().push(id.clone());
        let token = self.log_in(&email, None)?;
        Ok(Person { id, email, roles: roles.to_vec(), token })
    }

    /// A token of a new session of theirs, with this scope, or all that can be granted.
    pub(crate) fn log_in(&self, email: &str, scope: Option<&ScopeSet>) -> Result<String, Trouble> {
        session_token(&self.client, email, PASSWORD, scope)
    }

    /// Ends the session of a token.
    pub(crate) fn log_out(&self, token: &str) -> Result<(), Trouble> {
        self.done(&Request::new(Method::DELETE, "/sessions/current"), Some(token)).map(drop)
    }

    pub(crate) fn suspend(&self, user: &Person) -> Result<(), Trouble> {
        let path = format!("/users/{}/status", user.id);
        let request = Request::new(Method::PUT, path).json(&json!({ "status": "suspended" }));
        self.done(&request, Some(&self.everything()?)).map(drop)
    }

    pub(crate) fn delete(&self, user: &Person) -> Result<(), Trouble> {
        let request = Request::new(Method::DELETE, format!("/users/{}", user.id));
        self.done(&request, Some(&self.everything()?)).map(drop)
    }

    /// The session of a user who is logged in once or more.
    pub(crate) fn session_of(&self, user: &Person) -> Result<String, Trouble> {
        let request = Request::get(format!("/users/{}/sessions", user.id));
        let sessions = self.done(&request, Some(&self.everything()?))?.json();
        let id = sessions.pointer("/items/0/id").and_then(Value::as_str);
        id.map(str::to_owned).ok_or_else(|| Trouble::new(format!("the user {} has no session", user.id)))
    }

    /// A new client that may ask for these scopes.
    pub(crate) fn program(&self, scopes: &ScopeSet) -> Result<Program, Trouble> {
        let scopes: ScopeSet = scopes.iter().filter(|scope| !scope.is_identity()).collect();
        let name = format!("verify-{}-{}", self.mark, self.next_number());
        let body = json!({
            "client_id": name, "client_name": "made by cloakroom verify", "scope": scopes.to_string(),
            "grant_types": ["client_credentials"],
        });
        let request = Request::new(Method::POST, "/clients").json(&body);
        let made = self.done(&request, Some(&self.everything()?))?;
        let (id, secret) = (made.text("client_id")?, made.text("client_secret")?);
        self.clients.borrow_mut().push(id.clone());
        Ok(Program { id, secret })
    }

    /// A token of the client's own.
    pub(crate) fn token_of(&self, program: &Program) -> Result<String, Trouble> {
        client_token(&self.client, &program.id, &program.secret)
    }

    /// What every user is granted.
    pub(crate) fn own_scopes(&self) -> ScopeSet {
        self.app.vocabulary().granted_by(&[Role::USER])
    }

    /// Every scope there is.
    pub(crate) fn all_scopes(&self) -> ScopeSet {
        self.app.vocabulary().scopes().iter().copied().collect()
    }

    /// Whether good tokens can be made here.
    pub(crate) fn has_keys(&self) -> bool {
        self.keys.is_some()
    }

    /// A token that is wrong in this way and otherwise speaks for the user; none where it takes the
    /// server's key, which is not here.
    pub(crate) fn wrong(&self, defect: TokenDefect, user: &Person) -> Result<Option<String>, Trouble> {
        if defect.needs_key() && !self.has_keys() {
            return Ok(None);
        }
        let draft = self.draft_of(user)?;
        match self.test_tokens().defective(defect, draft) {
            Ok(token) => Ok(Some(token)),
            // With a shared secret there is no public key to be taken for one.
            Err(TestTokenError::NoPublicKey | TestTokenError::NeedsJwks) => Ok(None),
            Err(error) => Err(Trouble::new(error.to_string())),
        }
    }

    /// A token of a client that is named like a user; none without the server's key.
    pub(crate) fn named_like(&self, user: &Person) -> Result<Option<String>, Trouble> {
        let issue_to = IssueTo::Client { id: user.id.clone(), epoch: 1 };
        let scope = self.own_scopes().iter().filter(|scope| !scope.is_identity()).collect();
        self.good(issue_to, &user.id, &scope)
    }

    /// A token made here; none without the server's key.
    fn good(&self, subject: IssueTo, client_id: &str, scope: &ScopeSet) -> Result<Option<String>, Trouble> {
        if !self.has_keys() {
            return Ok(None);
        }
        let draft = self.draft(subject, client_id, scope)?;
        self.test_tokens().valid(draft).map(Some).map_err(|error| Trouble::new(error.to_string()))
    }

    fn draft_of(&self, user: &Person) -> Result<UnsignedToken, Trouble> {
        let id: UserId = user.id.parse().map_err(|_| Trouble::new("a user's id is no UUID"))?;
        let subject = IssueTo::User { id, roles: user.roles.clone(), epoch: i64::MAX };
        self.draft(subject, "cloakroom", &self.own_scopes())
    }

    fn draft(&self, subject: IssueTo, client_id: &str, scope: &ScopeSet) -> Result<UnsignedToken, Trouble> {
        let (issuer, audience) = (self.issuer.clone(), self.audience.clone());
        let issuer = Issuer::new(issuer, audience, LONG, None, Clock::system(), Random::system());
        let client_id = client_id.to_owned();
        let request =
            IssueRequest { subject, client_id, scope, session: None, audience: None, bound_to: None };
        issuer.draft(request).map_err(|error| Trouble::new(error.to_string()))
    }

    fn test_tokens(&self) -> TestTokens<'_> {
        TestTokens { keys: self.keys.as_ref(), jwks: Some(&self.jwks), now: Clock::system().now() }
    }

    /// A record was made that is not a user's own, and is to be removed by this path.
    pub(crate) fn made_record(&self, path: String) {
        self.records.borrow_mut().push(path);
    }

    /// Removes whom and what was made. What is gone already is no trouble.
    ///
    /// # Errors
    /// Naming what is still there.
    pub(crate) fn clean_up(&self) -> Result<(), Trouble> {
        let mut left = Vec::new();
        let paths = self.records.take().into_iter();
        let paths = paths.chain(self.users.take().into_iter().map(|id| format!("/users/{id}")));
        for path in paths.chain(self.clients.take().into_iter().map(|id| format!("/clients/{id}"))) {
            let request = Request::new(Method::DELETE, path.clone());
            match self.everything().and_then(|token| self.send(&request, Some(&token))) {
                Ok(answer) if answer.is_success() || answer.status == 404 => {}
                Ok(answer) => left.push(format!("{path} ({})", answer.summary())),
                Err(Trouble(why)) => left.push(format!("{path} ({why})")),
            }
        }
        if left.is_empty() { Ok(()) } else { Err(Trouble::new(format!("not removed: {}", left.join(", ")))) }
    }
}

/// A token of a new session.
fn session_token(
    client: &Client,
    email: &str,
    password: &str,
    scope: Option<&ScopeSet>,
) -> Result<String, Trouble> {
    let mut body = json!({ "email": email, "password": password });
    if let (Some(scope), Some(members)) = (scope, body.as_object_mut()) {
        members.insert("scope".to_owned(), scope.to_string().into());
    }
    let answer = client.send(&Request::new(Method::POST, "/sessions").json(&body), None)?;
    if answer.is_success() {
        return answer.text("access_token");
    }
    Err(Trouble::new(format!("{email} cannot log in: {}", answer.summary())))
}

/// A token by client credentials (RFC 6749 §4.4).
fn client_token(client: &Client, id: &str, secret: &str) -> Result<String, Trouble> {
    let form = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)])
        .finish();
    let mut request = Request::new(Method::POST, "/oauth/token");
    request.body = Some(("application/x-www-form-urlencoded", form));
    let answer = client.send(&request, None)?;
    if answer.is_success() {
        return answer.text("access_token");
    }
    Err(Trouble::new(format!("the client {id} gets no token: {}", answer.summary())))
}
