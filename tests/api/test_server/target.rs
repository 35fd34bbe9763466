//! `--target`: the commands for tokens and decisions, with nothing but the URL of a test server.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};

use super::TestServer;
use crate::support::{Engine, Process, Server, decoded};

/// Runs a command in an empty directory. Its settings name another issuer. Returns the exit, the result and the errors.
fn run(url: &str, command: &[&str], rest: &[&str], input: &str) -> (bool, String, String) {
    let directory = tempfile::tempdir().unwrap();
    let arguments = [command, &["--target", url], rest].concat();
    let mut run = Process::command(directory.path(), &[], &arguments);
    let mut run = run.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    run.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = run.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

fn mint(server: &TestServer, rest: &[&str]) -> String {
    let (is_done, token, told) = run(&server.url, &["token", "mint"], rest, "");
    assert!(is_done, "{rest:?}: {told}");
    token.trim_end().to_owned()
}

#[test]
fn test_server_makes_and_inspects_every_token() {
    let server = TestServer::start();
    server.clock(&json!({ "advance": "3h" })).expect(200);
    for (flag, reason) in [
        ("--expired", "expired"),
        ("--wrong-audience", "wrong-audience"),
        ("--revoked", "revoked"),
        ("--unsigned", "unknown-algorithm"),
        ("--hs256-with-public-key", "wrong-algorithm"),
        ("--embedded-jwk", "wrong-signature"),
    ] {
        let token = mint(&server, &["--as", "alice", flag]);
        assert_eq!(server.me(&token), 401, "{flag}");
        let (is_accepted, report, _) = run(&server.url, &["token", "inspect"], &["--json"], &token);
        let report: Value = serde_json::from_str(&report).unwrap();
        assert_eq!((is_accepted, &report["reason"]), (false, &json!(reason)), "{flag}");
    }
    let good = mint(&server, &["--as", "alice", "--scope", "users:read"]);
    assert_eq!(server.me(&good), 200);
    let (is_accepted, report, _) = run(&server.url, &["token", "inspect"], &[], &good);
    assert!(is_accepted && report.contains(&format!("expected \"{}\"", server.url)), "{report}");
    let (is_done, _, told) = run(&server.url, &["token", "mint"], &["--as", "zoe"], "");
    assert!(!is_done && told.contains("there is no user zoe"), "{told}");
}

/// A server that accepts unsigned tokens must not refuse the token for another reason.
#[test]
fn unsigned_token_has_the_issuer_and_audience_of_the_target() {
    let server = TestServer::start();
    for algorithm in [&["--unsigned"][..], &["--alg", "nOnE"]] {
        let (header, claims) = decoded(&mint(&server, &[&["--as", "alice"], algorithm].concat()));
        assert_eq!((&claims["iss"], &claims["aud"]), (&json!(server.url), &json!(server.url)));
        assert_eq!(claims["sub"], server.user("alice")["id"]);
        assert_ne!(header["alg"], "ES256");
    }
    // Another server makes none, and tells what a forged token must have.
    let staging = Server::start_with(
        Engine::Sqlite,
        &[("CLOAKROOM_ENVIRONMENT", "staging"), ("CLOAKROOM_AUDIENCE", "shop")],
    );
    let id = "01890a5d-ac96-774b-8000-000000000001";
    let (is_done, token, told) = run(&staging.url, &["token", "mint"], &["--as", id, "--unsigned"], "");
    assert!(is_done, "{told}");
    let (header, claims) = decoded(&token);
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(staging.url), &json!("shop")));
    let jwks = staging.get("/.well-known/jwks.json").send().expect(200).json();
    assert_eq!(header["kid"], jwks["keys"][0]["kid"]);
    let (is_done, _, told) = run(&staging.url, &["token", "inspect"], &[], &token);
    assert!(!is_done && told.contains("is no test server"), "{told}");
}

/// A token of other keys would be refused for its unknown key, and not for the reason that it names.
#[test]
fn keys_of_another_server_make_no_token_for_the_target() {
    let (here, target) = (Server::start(Engine::Sqlite), Server::start(Engine::Sqlite));
    here.register("ada");
    for flag in [&[][..], &["--expired"], &["--stale"]] {
        let arguments = ["token", "mint", "--as", "ada@example.com", "--target"];
        let told = here.operator_refused(&[&arguments[..], &[&target.url], flag].concat());
        assert!(told.contains("does not have the signing keys of"), "{flag:?}: {told}");
        let token = here.operator(&[&arguments[..], &[&here.url], flag].concat());
        assert_eq!(token.split('.').count(), 3, "{flag:?}");
    }
}

#[test]
fn forged_token_without_a_known_issuer_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let mint = ["token", "mint", "--as", "01890a5d-ac96-774b-8000-000000000001", "--unsigned"];
    let mut command = Process::command(directory.path(), &[], &mint);
    let output = command.stderr(Stdio::piped()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && told.contains("give --target URL, or --issuer"), "{told}");
}

#[test]
fn test_server_explains_its_refusals() {
    let server = TestServer::start();
    let bob = format!("/users/{}", server.user("bob")["id"].as_str().unwrap());
    let refused = server.request("GET", &bob).bearer(&server.token("alice")).send().expect(403).json();
    let (is_done, told, wrong) =
        run(&server.url, &["explain"], &[refused["decision_id"].as_str().unwrap()], "");
    assert!(is_done, "{wrong}");
    assert!(
        told.contains("refused  not-owner\nroute    GET /users/{id}\n") && told.contains("✗ owner"),
        "{told}"
    );
}

#[test]
fn target_that_is_another_program_is_told() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let (is_done, _, told) = run(&url, &["token", "mint"], &["--as", "alice"], "");
    assert!(!is_done && !told.is_empty(), "{told}");
}
