//! `cloakroom serve --test`: a server for tests. No other server has its routes.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Answer, Engine, Process, Request, Server};

mod baseline;
mod clock;
mod fault;
mod parent;
mod seed_file;
mod settings;
mod target;

/// Test server in its own directory, and the line that it printed.
pub struct TestServer {
    directory: TempDir,
    child: Child,
    /// URL on which it listens.
    pub url: String,
    seeds: Value,
}

impl Drop for TestServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl TestServer {
    /// Starts a test server.
    pub fn start() -> Self {
        Self::start_with(&[], &[])
    }

    /// Starts a test server with these settings and arguments.
    pub fn start_with(settings: &[(&str, &str)], arguments: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().expect("a directory"), settings, arguments)
    }

    fn start_in(directory: TempDir, settings: &[(&str, &str)], arguments: &[&str]) -> Self {
        let arguments = [&["--json"], arguments].concat();
        let mut command = Process::test_server_command(directory.path(), settings, &arguments);
        let mut child = command.spawn().expect("it starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("an output")).read_line(&mut line).expect("UTF-8");
        let log = || std::fs::read_to_string(directory.path().join("log")).unwrap_or_default();
        let said: Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}{}", log()));
        assert_eq!(said["environment"], "test");
        let url = said["url"].as_str().expect("a URL").to_owned();
        Self { directory, child, url, seeds: said["seeds"].clone() }
    }

    /// Returns what a test server that does not start writes to standard error.
    fn refusal(settings: &[(&str, &str)], arguments: &[&str]) -> String {
        let directory = tempfile::tempdir().expect("a directory");
        let mut command = Process::test_server_command(directory.path(), settings, arguments);
        let output = command.stderr(Stdio::piped()).output().expect("it runs");
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    fn request(&self, method: &str, path: &str) -> Request {
        Request::new(method, format!("{}{path}", self.url))
    }

    fn user(&self, name: &str) -> Value {
        self.user_by(&format!("{name}@example.com"))
    }

    fn user_by(&self, email: &str) -> Value {
        let users = self.seeds["users"].as_array().expect("users");
        users.iter().find(|user| user["email"] == email).cloned().expect("a seed")
    }

    fn log_in(&self, name: &str) -> Answer {
        let user = self.user(name);
        let body = json!({ "email": user["email"], "password": user["password"] });
        self.request("POST", "/sessions").json(&body).send()
    }

    fn token(&self, name: &str) -> String {
        self.log_in(name).expect(200).json()["access_token"].as_str().expect("a token").to_owned()
    }

    fn me(&self, token: &str) -> u16 {
        self.request("GET", "/users/me").bearer(token).send().status
    }

    fn clock(&self, change: &Value) -> Answer {
        self.request("POST", "/test/clock").json(change).send()
    }
}

#[test]
fn listed_users_log_in_and_own_separate_records() {
    let server = TestServer::start();
    for name in ["alice", "bob", "support", "admin"] {
        assert_eq!(server.me(&server.token(name)), 200, "{name}");
    }
    server.log_in("suspended").expect_problem(401, "invalid-credentials");
    let (alice, bob) = (server.token("alice"), server.user("bob"));
    assert_eq!(bob["id"], "01890a5d-ac96-774b-8000-000000000002");
    let path = format!("/users/{}", bob["id"].as_str().unwrap());
    server.request("GET", &path).bearer(&alice).send().expect_problem(403, "not-owner");
    let nobody = format!("/users/{}", server.seeds["nobody"].as_str().unwrap());
    server.request("GET", &nobody).bearer(&server.token("admin")).send().expect_problem(404, "not-found");
    for client in server.seeds["clients"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|client| client["client_secret"].is_string())
    {
        let (id, secret) = (client["client_id"].as_str().unwrap(), client["client_secret"].as_str().unwrap());
        let form = [("grant_type", "client_credentials")];
        server.request("POST", "/oauth/token").basic(id, secret).form(&form).send().expect(200);
    }
    let state = server.request("GET", "/test").send().expect(200).json();
    for (name, seeds) in server.seeds.as_object().unwrap() {
        assert_eq!(&state[name], seeds, "{name}");
    }
    // Its data is in no file.
    let files = std::fs::read_dir(server.directory.path()).unwrap().map(|file| file.unwrap().file_name());
    assert_eq!(files.collect::<Vec<_>>(), ["log"]);
}

#[test]
fn reset_restores_the_seeds_and_revokes_tokens() {
    let server = TestServer::start();
    let alice = server.token("alice");
    let register = |email: &str| {
        let body = json!({ "email": email, "password": "some unusual words, in a row" });
        server.request("POST", "/users").json(&body).send()
    };
    for number in 0..50 {
        register(&format!("user{number}@example.com")).expect(201);
    }
    server.request("DELETE", "/users/me").bearer(&server.token("bob")).send().expect(204);
    server.clock(&json!({ "advance": "1h" })).expect(200);
    server.request("POST", "/test/reset").send().expect(204);
    assert_eq!(server.me(&alice), 401, "a reset revokes every token");
    assert_eq!(server.me(&server.token("bob")), 200, "a reset restores the users");
    register("user1@example.com").expect(201);
    let everything = server.token("admin");
    let list = server.request("GET", "/users?limit=200").bearer(&everything).send().expect(200).json();
    assert_eq!(list["items"].as_array().unwrap().len(), 6);
    server.request("POST", "/test/reset").send().expect(204);
    assert_eq!(server.me(&server.token("alice")), 200);
}

#[test]
fn reset_leaves_no_refusal_of_before() {
    let server = TestServer::start();
    for _ in 0..10 {
        let bob = format!("/users/{}", server.user("bob")["id"].as_str().unwrap());
        let refused = server.request("GET", &bob).bearer(&server.token("alice")).send().expect(403).json();
        server.request("POST", "/test/reset").send().expect(204);
        let admin = server.token("admin");
        let trail = server.request("GET", "/audit?outcome=refused").bearer(&admin).send().expect(200).json();
        assert_eq!(trail["items"], json!([]));
        let question = json!({ "decision_id": refused["decision_id"] });
        server.request("POST", "/authz/explain").bearer(&admin).json(&question).send().expect(404);
    }
}

#[test]
fn answers_concurrent_requests() {
    let server = TestServer::start();
    std::thread::scope(|scope| {
        for number in 0..16 {
            let server = &server;
            scope.spawn(move || {
                let email = format!("worker{number}@example.com");
                let body = json!({ "email": email, "password": "some unusual words, in a row" });
                server.request("POST", "/users").json(&body).send().expect(201);
                let token = server.request("POST", "/sessions").json(&body).send().expect(200);
                let token = token.json()["access_token"].as_str().unwrap().to_owned();
                for turn in 0..20 {
                    let name = json!({ "name": format!("Worker {turn}") });
                    let put = server.request("PUT", "/users/me/profile").bearer(&token).json(&name);
                    put.send().expect(200);
                    assert_eq!(server.me(&token), 200);
                }
            });
        }
    });
}

#[test]
fn marks_every_answer_and_binds_to_loopback_only() {
    let server = TestServer::start();
    for path in ["/health/live", "/nowhere", "/users/me", "/oauth/authorize", "/oauth/userinfo"] {
        let answer = server.request("GET", path).send();
        assert_eq!(answer.header("x-cloakroom-environment"), Some("test"), "{path}");
    }
    let told = TestServer::refusal(&[("CLOAKROOM_LISTEN", "0.0.0.0:0")], &[]);
    assert!(told.contains("must listen on a loopback address"), "{told}");
}

#[test]
fn other_servers_have_no_test_routes() {
    let server = Server::start_with(Engine::Sqlite, &[("CLOAKROOM_ENVIRONMENT", "staging")]);
    for (method, path) in [
        ("GET", "/test"),
        ("POST", "/test/token"),
        ("POST", "/test/clock"),
        ("GET", "/test/clock"),
        ("POST", "/test/reset"),
        ("POST", "/test/baseline"),
        ("POST", "/test/fault"),
        ("GET", "/test/mail"),
    ] {
        server.request(method, path).send().expect_problem(404, "unknown-path");
    }
    let document = server.get("/openapi.json").send().expect(200).json();
    assert!(document["paths"].as_object().unwrap().keys().all(|path| !path.starts_with("/test")));
    let directory = tempfile::tempdir().unwrap();
    let mut by_setting = Process::command(directory.path(), &[("CLOAKROOM_ENVIRONMENT", "test")], &[]);
    let output = by_setting.stderr(Stdio::piped()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("write production or staging"), "{told}");
}

#[test]
fn token_of_each_situation_is_refused_for_that_reason() {
    let server = TestServer::start();
    let order = |body: &Value| server.request("POST", "/test/token").json(body).send();
    for (situation, reason) in [
        ("expired", "expired"),
        ("not-yet-valid", "not-yet-valid"),
        ("issued-in-the-future", "issued-in-the-future"),
        ("wrong-issuer", "wrong-issuer"),
        ("wrong-audience", "wrong-audience"),
        ("id-token", "wrong-type"),
        ("typ", "wrong-type"),
        ("wrong-typ", "wrong-type"),
        ("crit", "critical-header"),
        ("revoked", "revoked"),
        ("tampered", "wrong-signature"),
        ("wrong-key", "wrong-signature"),
        ("unknown-key", "unknown-key"),
        ("embedded-jwk", "wrong-signature"),
        ("hs256-with-public-key", "wrong-algorithm"),
        ("unsigned", "unknown-algorithm"),
        ("two-parts", "not-three-parts"),
    ] {
        let made = order(&json!({ "as": "alice", "situation": situation })).expect(200).json();
        assert_eq!(
            (&made["refused"]["status"], &made["refused"]["reason"]),
            (&json!(401), &json!(reason)),
            "{situation}"
        );
        assert_eq!(made["fails_because"], reason);
        assert_eq!(server.me(made["token"].as_str().unwrap()), 401, "{situation}");
    }
    let valid = order(&json!({ "as": "alice", "situation": "valid" })).expect(200).json();
    assert_eq!((&valid["fails_because"], &valid["situation"]), (&Value::Null, &json!("valid")));
    // A token with a second defect is not made.
    let two = json!({ "as": "alice", "situation": "expired", "header": { "crit": ["exp"] } });
    let refused = order(&two).expect_problem(409, "conflict").json();
    let told = "the server says critical-header instead of expired";
    assert!(refused["detail"].as_str().unwrap().contains(told), "{refused}");
    // A stale token is accepted, except by rules with `fresh`.
    let stale = order(&json!({ "as": "alice", "situation": "stale" })).expect(200).json();
    let token = stale["token"].as_str().unwrap();
    assert_eq!((&stale["refused"], server.me(token)), (&Value::Null, 200));
    let delete = server.request("DELETE", "/users/me").bearer(token).send();
    delete.expect_problem(401, "insufficient-user-authentication");
    let refused = order(&json!({ "as": "alice", "situation": "broken" })).expect_problem(422, "invalid-body");
    assert!(refused.body.contains("must be one of"));
}

#[test]
fn test_token_has_the_wanted_caller_scope_and_claims() {
    let server = TestServer::start();
    let order = |body: &Value| server.request("POST", "/test/token").json(body).send();
    let alice = server.user("alice");
    for name in [json!("alice"), alice["email"].clone(), alice["id"].clone()] {
        let body = json!({ "as": name, "scope": "users:read", "ttl": "1h", "claims": { "x": 1 }, "header": { "cty": "x" } });
        let made = order(&body).expect(200).json();
        assert_eq!((&made["refused"], &made["claims"]["sub"]), (&Value::Null, &alice["id"]));
        assert_eq!(
            (&made["claims"]["scope"], &made["claims"]["x"], &made["header"]["cty"]),
            (&json!("users:read"), &json!(1), &json!("x"))
        );
        assert_eq!(made["claims"]["exp"].as_i64().unwrap() - made["claims"]["iat"].as_i64().unwrap(), 3_600);
        assert_eq!(server.me(made["token"].as_str().unwrap()), 200);
    }
    for client in [json!({ "client": "own" }), json!({ "as": "own" })] {
        let client = order(&client).expect(200).json();
        assert_eq!((&client["claims"]["sub"], &client["refused"]), (&json!("own"), &Value::Null));
    }
    order(&json!({ "as": "alice", "scope": "users:read:any" })).expect_problem(422, "invalid-body");
    order(&json!({ "as": "zoe" })).expect_problem(404, "not-found");
    order(&json!({ "as": "suspended" })).expect_problem(409, "conflict");
    assert_eq!(
        server.me(order(&json!({ "as": "suspended", "situation": "revoked" })).expect(200).json()["token"]
            .as_str()
            .unwrap()),
        401
    );
    order(&json!({})).expect_problem(422, "invalid-body");
}

#[test]
fn passes_cloakroom_verify() {
    let server = TestServer::start();
    let arguments = ["verify", "--target", &server.url, "--no-timing", "--require-all"];
    let output = Process::command(server.directory.path(), &[], &arguments).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && told.ends_with("all are as the rules say\n"), "{told}");
}
