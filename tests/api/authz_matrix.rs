//! Every route as every kind of caller, against the running server. The routes are walked from the
//! very list that mounts them; the outcome is a page that a reviewer reads,
//! `authz_matrix.golden.md`. To write it anew: `UPDATE_GOLDEN=1 cargo test authz_matrix`.

use cloakroom::http::{Endpoint, endpoints};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::support::{Engine, PASSWORD, Person, Postgres, Server};

const SECRET: &str = "a secret that both sides of these tests know";

const KINDS: [&str; 10] = [
    "nobody",
    "bad signature",
    "expired",
    "without the scope",
    "the owner",
    "another user",
    "a user with `:any`",
    "a client with `:any`",
    "a client named like the owner",
    "the owner, suspended",
];

struct World {
    server: Server,
    admin: Person,
    other: Person,
    client: String,
    made: std::cell::Cell<u32>,
}

impl World {
    fn new(engine: Engine) -> Self {
        let settings = [("CLOAKROOM_SIGNING_ALGORITHM", "HS256"), ("CLOAKROOM_HS256_SECRET", SECRET)];
        let server = Server::start_with(engine, &settings);
        let everything: Vec<String> = cloakroom::authz::Scope::ALL.iter().map(ToString::to_string).collect();
        Self {
            admin: server.admin(),
            other: server.register("other"),
            client: server.client_token("everything", &everything.join(" ")),
            server,
            made: std::cell::Cell::new(0),
        }
    }

    fn new_owner(&self) -> Person {
        self.made.set(self.made.get() + 1);
        self.server.register(&format!("owner{}", self.made.get()))
    }

    fn token(&self, kind: &str, owner: &Person) -> Option<String> {
        Some(match kind {
            "nobody" => return None,
            "bad signature" => {
                let (rest, signature) = owner.token.rsplit_once('.').unwrap();
                let first = if signature.starts_with('A') { 'B' } else { 'A' };
                format!("{rest}.{first}{}", &signature[1..])
            }
            "expired" => self.mint(&owner.id, "cloakroom", -3_600),
            "without the scope" => self.server.log_in_for(&owner.email, Some("audit:read")),
            "the owner" => owner.token.clone(),
            "another user" => self.server.log_in(&self.other.email),
            "a user with `:any`" => self.server.log_in(&self.admin.email),
            "a client with `:any`" => self.client.clone(),
            "a client named like the owner" => self.mint(&owner.id, &owner.id, 600),
            "the owner, suspended" => {
                let path = format!("{}/status", owner.path());
                let body = json!({ "status": "suspended" });
                self.server.put(&path).bearer(&self.admin.token).json(&body).send().expect(200);
                owner.token.clone()
            }
            _ => unreachable!("{kind}"),
        })
    }

    /// A token as somebody would mint it who shares the server's secret.
    fn mint(&self, sub: &str, client_id: &str, expires_in: i64) -> String {
        let now = self.server.clock.now().timestamp();
        let own: Vec<&str> = cloakroom::authz::Scope::ALL
            .iter()
            .filter(|scope| !scope.reaches_others())
            .map(|scope| scope.as_str())
            .collect();
        let claims = json!({
            "iss": self.server.url, "aud": self.server.url, "sub": sub, "client_id": client_id, "jti": "x",
            "iat": now.min(now + expires_in), "exp": now + expires_in, "scope": own.join(" "),
        });
        let header = Header { typ: Some("at+jwt".to_owned()), ..Header::new(Algorithm::HS256) };
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
    }

    fn outcome(&self, endpoint: &Endpoint, kind: &str) -> String {
        let owner = self.new_owner();
        let sessions = self.server.get("/users/me/sessions").bearer(&owner.token).send().expect(200).json();
        let sid = sessions["items"][0]["id"].as_str().unwrap();
        let path =
            endpoint.path.replace("{id}", &owner.id).replace("{sid}", sid).replace("{code}", "not-owner");
        let token = self.token(kind, &owner);
        let mut request = self.server.request(endpoint.method.as_str(), &path).if_match("*");
        if let Some(token) = token {
            request = request.bearer(&token);
        }
        if let Some(body) = endpoint.description().body {
            let example = fitted(body.example, &owner, kind, self.made.get());
            request = match body.media_type {
                "application/x-www-form-urlencoded" => request.form(&[("grant_type", "client_credentials")]),
                media => request.body(media, example.to_string()),
            };
        }
        let answer = request.send();
        let code = match answer.header("content-type") {
            Some("application/problem+json") => format!(" {}", answer.code()),
            Some("application/json") if answer.status >= 400 => {
                format!(" {}", answer.json()["error"].as_str().unwrap())
            }
            _ => String::new(),
        };
        format!("{}{code}", answer.status)
    }
}

/// The example of a route's documentation, for this very owner.
fn fitted(mut example: Value, owner: &Person, kind: &str, number: u32) -> Value {
    let members = example.as_object_mut().unwrap();
    if members.contains_key("email") {
        let fresh = format!("new{number}@example.com");
        let login = members.contains_key("password") && !members.contains_key("profile");
        members.insert("email".to_owned(), if login { owner.email.clone() } else { fresh }.into());
    }
    if members.contains_key("password") {
        members.insert("password".to_owned(), PASSWORD.into());
    }
    if members.contains_key("current_password") && kind != "the owner" {
        members.remove("current_password");
    }
    example
}

fn walk(engine: Engine) -> String {
    let world = World::new(engine);
    let mut page = String::from(
        "# Every route as every kind of caller\n\n\
         What the running server answered, the same on both engines. Made by a test from the list that mounts the\n\
         routes; a change here is a change of who may do what.\n\n",
    );
    page += &format!("| route | {} |\n", KINDS.join(" | "));
    page += &format!("|---|{}\n", "---|".repeat(KINDS.len()));
    for endpoint in endpoints() {
        let cells: Vec<String> = KINDS.iter().map(|kind| world.outcome(&endpoint, kind)).collect();
        page += &format!("| `{} {}` | {} |\n", endpoint.method, endpoint.path, cells.join(" | "));
    }
    page
}

fn compare(engine: Engine) {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api/authz_matrix.golden.md");
    let walked = walk(engine);
    if std::env::var_os("UPDATE_GOLDEN").is_some() && engine == Engine::Sqlite {
        std::fs::write(file, &walked).unwrap();
    }
    let golden = std::fs::read_to_string(file).unwrap();
    for (walked, golden) in walked.lines().zip(golden.lines()) {
        assert_eq!(walked, golden);
    }
    assert_eq!(walked.lines().count(), golden.lines().count());
}

#[test]
fn sqlite() {
    compare(Engine::Sqlite);
}

#[test]
fn postgres() {
    if Postgres::is_here() {
        compare(Engine::Postgres);
    }
}

#[test]
fn no_route_that_names_a_user_is_open_to_another() {
    let golden =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api/authz_matrix.golden.md"))
            .unwrap();
    let column = |kind: &str| KINDS.iter().position(|known| *known == kind).unwrap() + 2;
    for line in golden.lines().filter(|line| line.contains("{id}")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        assert!(cells[column("another user")].starts_with("403"), "{line}");
        assert!(
            cells[column("nobody")].starts_with("401") && cells[column("bad signature")].starts_with("401"),
            "{line}"
        );
        assert!(cells[column("the owner, suspended")].starts_with("401"), "{line}");
    }
}
