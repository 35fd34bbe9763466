//! Access tokens over HTTP: which are accepted, which are refused, when they die, and that nothing
//! of them leaks.

mod algorithms;
mod claims;
mod confusion;
mod forms;
mod headers;
mod lifetime;
mod logs;
mod minted;
mod secrecy;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use crate::support::{Answer, Engine, Person, Server};

/// What the server and those who mint tokens for it share.
const SECRET: &str = "an HS256 secret of at least 32 bytes";

/// A server that shares its secret, a user there, and a standing clock.
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

    /// The time in whole seconds, as tokens have it.
    fn now(&self) -> i64 {
        self.server.clock.now().timestamp()
    }

    /// The header of a good token.
    fn header(&self) -> Value {
        json!({ "typ": "at+jwt", "alg": "HS256", "kid": "hs256" })
    }

    /// The claims of a good token of Ada, as somebody else than the server mints it.
    fn claims(&self) -> Value {
        json!({
            "iss": self.server.url, "sub": self.ada.id, "aud": self.server.url, "iat": self.now(),
            "exp": self.now() + 600, "jti": "j", "client_id": "frontend", "scope": "users:read",
        })
    }

    /// A token of these claims.
    fn token(&self, claims: &Value) -> String {
        mint(SECRET.as_bytes(), &self.header(), claims)
    }

    /// Who the token is for reads themself.
    #[track_caller]
    fn accepts(&self, token: &str) {
        let answer = self.server.get("/users/me").bearer(token).send();
        assert_eq!((answer.status, &answer.json()["id"]), (200, &json!(self.ada.id)), "{answer:?}");
    }

    #[track_caller]
    fn refuses(&self, token: &str) {
        refuses(&self.server, token);
    }

    /// The claim is refused with this value, or when it is left out.
    #[track_caller]
    fn refuses_claim(&self, name: &str, value: impl Into<Option<Value>>) {
        self.refuses(&self.token(&with(&self.claims(), name, value)));
    }

    #[track_caller]
    fn accepts_claim(&self, name: &str, value: impl Into<Option<Value>>) {
        self.accepts(&self.token(&with(&self.claims(), name, value)));
    }
}

/// A token that `server` refuses, as the contract has it.
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

/// A token signed with a secret.
fn mint(secret: &[u8], header: &Value, claims: &Value) -> String {
    sign(&EncodingKey::from_secret(secret), Algorithm::HS256, &header.to_string(), &claims.to_string())
}

/// Signs header and claims as they stand, whatever they say.
pub(super) fn sign(key: &EncodingKey, algorithm: Algorithm, header: &str, claims: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).expect("a signature");
    format!("{message}.{signature}")
}

/// `object` with a member replaced, or taken away.
fn with(object: &Value, member: &str, value: impl Into<Option<Value>>) -> Value {
    let mut changed = object.clone();
    match value.into() {
        Some(value) => changed[member] = value,
        None => drop(changed.as_object_mut().expect("an object").remove(member)),
    }
    changed
}
