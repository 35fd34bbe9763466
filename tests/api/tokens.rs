//! Access tokens over HTTP: which are accepted and refused, when they expire or are revoked, and that they do
//! not leak.

mod algorithms;
mod claims;
mod confusion;
mod headers;
mod lifetime;
mod logs;
mod malformed;
mod minted;
mod secrecy;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use crate::support::{Answer, Engine, Person, Server};

/// HS256 secret that the server shares with the programs that mint tokens.
const SECRET: &str = "an HS256 secret of at least 32 bytes";

/// Server that shares its secret, a user, and a standing clock.
struct Mint {
    server: Server,
    ada: Person,
}

impl Mint {
    fn new(engine: Engine) -> Self {
        let settings = [("CLOAKROOM_SIGNING_ALGORITHM", "HS256"), ("CLOAKROOM_HS256_SECRET", SECRET)];
        let server = Server::start_with_standing_clock(engine, &settings);
        Self { ada: server.register("ada"), server }
    }

    /// Returns the time in whole seconds, as in tokens.
    fn now(&self) -> i64 {
        self.server.clock.now().timestamp()
    }

    /// Returns the header of a valid token.
    fn header(&self) -> Value {
        json!({ "typ": "at+jwt", "alg": "HS256", "kid": "hs256" })
    }

    /// Returns the claims of a valid token for Ada, as another program mints it.
    fn claims(&self) -> Value {
        json!({
            "iss": self.server.url, "sub": self.ada.id, "aud": self.server.url, "iat": self.now(),
            "exp": self.now() + 600, "jti": "j", "client_id": "frontend", "scope": "users:read",
        })
    }

    /// Returns a token with these claims.
    fn token(&self, claims: &Value) -> String {
        mint(SECRET.as_bytes(), &self.header(), claims)
    }

    /// Checks that the user's own record can be read with this token.
    #[track_caller]
    fn accepts(&self, token: &str) {
        let answer = self.server.get("/users/me").bearer(token).send();
        assert_eq!((answer.status, &answer.json()["id"]), (200, &json!(self.ada.id)), "{answer:?}");
    }

    #[track_caller]
    fn refuses(&self, token: &str) {
        refuses(&self.server, token);
    }

    /// Checks that the token is refused with this value of the claim, and without the claim.
    #[track_caller]
    fn refuses_claim(&self, name: &str, value: impl Into<Option<Value>>) {
        self.refuses(&self.token(&with(&self.claims(), name, value)));
    }

    #[track_caller]
    fn accepts_claim(&self, name: &str, value: impl Into<Option<Value>>) {
        self.accepts(&self.token(&with(&self.claims(), name, value)));
    }
}

/// Checks that `server` refuses the token with the problem and challenge of the contract.
#[track_caller]
fn refuses(server: &Server, token: &str) {
    let answer = server.get("/users/me").bearer(token).send();
    assert_eq!(answer.status, 401, "{token}: {answer:?}");
    expect_invalid_token(answer);
}

#[track_caller]
fn expect_invalid_token(answer: Answer) {
    let answer = answer.expect_problem(401, "invalid-token");
    let challenge = answer.header("www-authenticate").unwrap_or_default();
    assert!(challenge.starts_with("Bearer ") && challenge.contains("error=\"invalid_token\""), "{challenge}");
}

/// Mints a token signed with this secret.
fn mint(secret: &[u8], header: &Value, claims: &Value) -> String {
    sign(&EncodingKey::from_secret(secret), Algorithm::HS256, &header.to_string(), &claims.to_string())
}

/// Signs header and claims as they are, valid or not.
pub(super) fn sign(key: &EncodingKey, algorithm: Algorithm, header: &str, claims: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).expect("a signature");
    format!("{message}.{signature}")
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
