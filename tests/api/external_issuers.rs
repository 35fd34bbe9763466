//! External issuers: which of their tokens are accepted, and a server that issues no tokens itself.

mod confusion;
mod documented;
mod inspection;
mod keys;
mod misbehaving;
mod own_endpoints;
mod scopes;
mod settings;
mod token_rules;
mod two_servers;
mod users;
mod without_authorization_server;

use serde_json::{Value, json};

use crate::support::{Answer, Engine, ForeignIssuer, IssuerKey, Server};

/// Audience of the server at its issuers.
const AUDIENCE: &str = "https://api.example.org";

/// Issuer, server that trusts it, and the server's standing clock.
struct Trust {
    issuer: ForeignIssuer,
    server: Server,
}

impl Trust {
    /// Starts both; an account is made at the first request.
    fn new(engine: Engine) -> Self {
        Self::with(engine, &json!({ "provision": "jit" }))
    }

    /// Starts both with these members in the server's issuer settings.
    fn with(engine: Engine, members: &Value) -> Self {
        let issuer = ForeignIssuer::start();
        let server = trusting(engine, &[(&issuer, members.clone())], &[]);
        Self { issuer, server }
    }

    /// Returns the claims of a valid token for Ada.
    fn claims(&self) -> Value {
        claims(&self.issuer, &self.server)
    }

    /// Returns the claims of a valid token of a client without a user.
    fn client_claims(&self) -> Value {
        with(&self.claims(), "sub", json!("web-shop"))
    }

    fn token(&self, claims: &Value) -> String {
        self.issuer.key.sign(&header(), claims)
    }

    /// Requests `/users/me` with a token of these claims.
    fn me(&self, claims: &Value) -> Answer {
        self.server.get("/users/me").bearer(&self.token(claims)).send()
    }

    #[track_caller]
    fn accepts(&self, claims: &Value) -> Answer {
        self.me(claims).expect(200)
    }

    #[track_caller]
    fn refuses(&self, claims: &Value) {
        self.refuses_token(&self.token(claims));
    }

    #[track_caller]
    fn refuses_token(&self, token: &str) {
        self.server.get("/users/me").bearer(token).send().expect_problem(401, "invalid-token");
    }
}

/// Starts a server that trusts these issuers, each with these members, and whose clock stands still.
fn trusting(engine: Engine, issuers: &[(&ForeignIssuer, Value)], settings: &[(&str, &str)]) -> Server {
    let trusted = trusted(issuers);
    let own = [("CLOAKROOM_TRUSTED_ISSUERS", trusted.as_str()), ("CLOAKROOM_AUDIENCE", AUDIENCE)];
    Server::start_with_standing_clock(engine, &[&own, settings].concat())
}

fn trusted(issuers: &[(&ForeignIssuer, Value)]) -> String {
    let entry = |(issuer, members): &(&ForeignIssuer, Value)| {
        let mut entry = members.clone();
        entry["issuer"] = issuer.url.as_str().into();
        entry
    };
    Value::Array(issuers.iter().map(entry).collect()).to_string()
}

fn header() -> Value {
    json!({ "typ": "at+jwt" })
}

fn claims(issuer: &ForeignIssuer, server: &Server) -> Value {
    let now = server.clock.now().timestamp();
    json!({
        "iss": issuer.url, "sub": "ada", "aud": AUDIENCE, "exp": now + 600, "iat": now, "jti": "j",
        "client_id": "web-shop", "scope": "openid users:read users:write users:delete",
    })
}

/// Returns `object` with a member replaced, or removed.
fn with(object: &Value, member: &str, value: impl Into<Option<Value>>) -> Value {
    let mut changed = object.clone();
    match value.into() {
        Some(value) => changed[member] = value,
        None => drop(changed.as_object_mut().expect("an object").remove(member)),
    }
    changed
}

/// Returns a key that the issuer does not publish.
fn unknown_key(kid: &str) -> IssuerKey {
    IssuerKey::new(kid)
}
