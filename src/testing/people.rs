//! Those who call, and their tokens.

use std::cell::Cell;
use std::sync::Arc;

use actix_web::http::Method;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::http::{Answer, Client, Request};
use super::kind::Kind;
use super::server::{SECRET, Server};
use crate::App;
use crate::authz::{Rule, Scope, ScopeSet};
use crate::domain::{ClientId, Clock, Role};

/// Everybody's password.
pub(super) const PASSWORD: &str = "a most unusual passphrase";

/// The client that has every scope.
const CLIENT: &str = "everything";

/// How long a token is good for, in seconds: longer than the walk takes.
const LONG: i64 = 24 * 60 * 60;

/// A user, logged in.
pub(super) struct Person {
    pub(super) id: String,
    pub(super) email: String,
    pub(super) token: String,
}

/// The running application, and those who call it.
pub(super) struct World {
    pub(super) app: Arc<App>,
    pub(super) other: Person,
    admin: Person,
    everything: String,
    client: Client,
    made: Cell<u32>,
    server: Server,
}

impl World {
    pub(super) fn of(app: &Arc<App>, server: Server) -> Self {
        let client = Client::of(&server.url);
        let nobody = || Person { id: String::new(), email: String::new(), token: String::new() };
        let (other, admin) = (nobody(), nobody());
        let app = Arc::clone(app);
        let mut world =
            Self { app, other, admin, everything: String::new(), client, made: Cell::new(0), server };
        world.everything = world.mint(CLIENT, CLIENT, LONG, world.app.vocabulary().scopes().iter().copied());
        world.other = world.person(&[Role::USER]);
        world.admin = world.person(&[Role::ADMIN, Role::USER]);
        world
    }

    /// A number that was not used before.
    pub(super) fn next_number(&self) -> u32 {
        self.made.set(self.made.get() + 1);
        self.made.get()
    }

    pub(super) fn send(&self, request: &Request, token: Option<&str>) -> Answer {
        self.client.send(request, token)
    }

    /// A client with every scope there is.
    pub(super) fn everything(&self) -> &str {
        &self.everything
    }

    /// A new user, logged in.
    pub(super) fn new_owner(&self) -> Person {
        self.person(&[Role::USER])
    }

    fn person(&self, roles: &[Role]) -> Person {
        let email = format!("person{}@example.com", self.next_number());
        let body = json!({ "email": email, "password": PASSWORD, "roles": roles });
        let made = self.done(&Request::new(Method::POST, "/users").json(&body), Some(&self.everything));
        let token = self.log_in(&email);
        Person { id: text(&made, "id"), email, token }
    }

    fn log_in(&self, email: &str) -> String {
        let body = json!({ "email": email, "password": PASSWORD });
        text(&self.done(&Request::new(Method::POST, "/sessions").json(&body), None), "access_token")
    }

    /// The session of a user who is logged in once.
    pub(super) fn session_of(&self, user: &Person) -> String {
        let sessions = self.done(&Request::new(Method::GET, "/users/me/sessions"), Some(&user.token));
        let first = sessions.pointer("/items/0").cloned().unwrap_or_default();
        text(&first, "id")
    }

    /// What one of cloakroom's own routes answers.
    fn done(&self, request: &Request, token: Option<&str>) -> Value {
        let answer = self.send(request, token);
        let (asked, body) = (format!("{} {}", request.method, request.path), &answer.body);
        assert!(answer.is_success(), "{asked}: {} {body}", answer.status);
        answer.json()
    }

    /// The token with which such a caller asks for a route of this rule; nobody has none.
    pub(super) fn token(&self, kind: Kind, owner: &Person, rule: Option<&Rule>) -> Option<String> {
        let own = self.own_scopes();
        Some(match kind {
            Kind::Nobody => return None,
            Kind::BadSignature => forged(&owner.token),
            Kind::Expired => self.mint(&owner.id, ClientId::FIRST_PARTY, -3_600, own.iter()),
            Kind::WithoutTheScope => {
                let named = |scope| rule.is_some_and(|rule| rule.who.scopes().any(|known| known == scope));
                let others = own.iter().filter(|scope| !named(*scope));
                self.mint(&owner.id, ClientId::FIRST_PARTY, LONG, others)
            }
            Kind::Owner => owner.token.clone(),
            Kind::AnotherUser => self.log_in(&self.other.email),
            Kind::UserWithAny => self.log_in(&self.admin.email),
            Kind::ClientWithAny => self.everything.clone(),
            Kind::ClientNamedLikeTheOwner => self.mint(&owner.id, &owner.id, LONG, own.iter()),
            Kind::OwnerSuspended => {
                self.suspend(owner);
                owner.token.clone()
            }
        })
    }

    fn suspend(&self, user: &Person) {
        let path = format!("/users/{}/status", user.id);
        let request = Request::new(Method::PUT, path).json(&json!({ "status": "suspended" }));
        self.done(&request, Some(&self.everything));
    }

    /// What every user is granted.
    fn own_scopes(&self) -> ScopeSet {
        self.app.vocabulary().granted_by(&[Role::USER])
    }

    /// A token as somebody would mint it who shares the server's secret.
    fn mint(
        &self,
        sub: &str,
        client_id: &str,
        expires_in: i64,
        scopes: impl Iterator<Item = Scope>,
    ) -> String {
        let (now, url) = (Clock::system().now().timestamp(), &self.server.url);
        let claims = json!({
            "iss": url, "aud": url, "sub": sub, "client_id": client_id, "jti": self.next_number().to_string(),
            "iat": now.min(now + expires_in - 60), "exp": now + expires_in,
            "scope": scopes.collect::<ScopeSet>().to_string(),
        });
        let header = Header { typ: Some("at+jwt".to_owned()), ..Header::new(Algorithm::HS256) };
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        jsonwebtoken::encode(&header, &claims, &key).expect("claims can be signed")
    }
}

/// The same token under a signature that is not its own.
fn forged(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').expect("a token has three parts");
    let first = if signature.starts_with('A') { "B" } else { "A" };
    let rest: String = signature.chars().skip(1).collect();
    format!("{signed}.{first}{rest}")
}

fn text(value: &Value, member: &str) -> String {
    let text = value.get(member).and_then(Value::as_str);
    text.unwrap_or_else(|| panic!("no {member} in {value}")).to_owned()
}
