//! `cloakroom verify`: proves the matrix against a running server. `src/qa/testing/tests.rs` tests on a server
//! without a check that it finds the gap.

use serde_json::Value;

use crate::notes;
use crate::support::{Engine, PASSWORD, Server, on_both_engines};

/// Starts a server that declares itself staging, with an administrator.
fn staging(engine: Engine) -> (Server, String) {
    let server = Server::start_with(engine, &[("CLOAKROOM_ENVIRONMENT", "staging")]);
    let email = server.admin().email;
    (server, email)
}

/// Returns the numbers of accounts, clients and sessions.
fn people(server: &Server) -> (usize, usize) {
    let lines = |arguments: &[&str]| server.operator(arguments).lines().count();
    (lines(&["users", "list"]), lines(&["clients", "list"]))
}

on_both_engines! {
    fn leaves_no_administrator_on_a_new_server(engine: Engine) {
        let server = Server::start_with(engine, &[("CLOAKROOM_ENVIRONMENT", "staging")]);
        let before = people(&server);
        let arguments = ["verify", "--target", &server.url, "--issuer", &server.url, "--keys", "--no-timing"];
        assert!(server.operator(&arguments).ends_with("all are as the rules say\n"));
        assert_eq!(people(&server), before);
    }

    fn verifies_a_correct_server_and_leaves_it_unchanged(engine: Engine) {
        let (server, _) = staging(engine);
        let before = people(&server);
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
        let (junit, html) = (file("verify.xml"), file("verify.html"));
        let arguments = [
            "verify", "--target", &server.url, "--issuer", &server.url, "--keys", "--no-timing",
            "--junit", &junit, "--html", &html,
        ];
        let told = server.operator(&arguments);
        assert!(told.ends_with("all are as the rules say\n"), "{told}");
        assert!(told.contains("\nDELETE /users/{id} "), "{told}");
        // It does not rotate keys, which the whole server shares, and reports that.
        assert!(told.contains("it would change the state of the whole server"), "{told}");
        assert_eq!(people(&server), before);
        let xml = std::fs::read_to_string(&junit).unwrap();
        assert!(xml.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites "), "{xml}");
        assert!(xml.contains(r#"<testcase classname="GET /users/{id}" name="expired token" time=""#), "{xml}");
        assert!(xml.contains("<skipped message=") && !xml.contains("<failure"));
        let page = std::fs::read_to_string(&html).unwrap();
        assert!(page.contains("Every answer is as the rule says.") && !page.contains("src="));
    }
}

#[test]
fn lists_the_checks_skipped_without_the_keys() {
    let (server, admin) = staging(Engine::Sqlite);
    let arguments =
        ["verify", "--target", &server.url, "--admin", &admin, "--secret-file", "-", "--no-timing", "--json"];
    let report: Value = serde_json::from_str(&server.operator_with_input(&arguments, PASSWORD)).unwrap();
    assert_eq!(report["differences"], serde_json::json!([]));
    let read = report["routes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|route| route["route"] == "GET /users/{id}")
        .unwrap();
    let outcome = |caller: &str| {
        let cells = read["callers"].as_array().unwrap().iter();
        let cell = cells
            .clone()
            .find(|cell| cell["caller"] == caller)
            .unwrap_or_else(|| panic!("no {caller}: {read}"));
        (cell["answer"].as_str().unwrap().to_owned(), cell["outcome"].as_str().unwrap().to_owned())
    };
    let told = |answer: &str, outcome: &str| (answer.to_owned(), outcome.to_owned());
    assert_eq!(outcome("expired token"), told("–", "not-tried"));
    assert_eq!(outcome("tampered token"), told("401 invalid-token", "as-expected"));
    assert_eq!(outcome("another user"), told("403 not-owner", "as-expected"));
    assert_eq!(outcome("the owner, deleted"), told("401 invalid-token", "as-expected"));
    assert_eq!(outcome("the owner"), told("200", "as-expected"));
}

#[test]
fn reports_a_server_with_another_matrix() {
    let server = Server::start_app_with(Engine::Sqlite, notes::app, &[("CLOAKROOM_ENVIRONMENT", "staging")]);
    let admin = server.admin().email;
    let arguments =
        ["verify", "--target", &server.url, "--admin", &admin, "--secret-file", "-", "--no-timing"];
    let told = server.operator_output_with_input(&arguments, PASSWORD);
    assert!(
        told.contains("✗ the server's own matrix differs: GET /notes/{id} is new, and lets in owner"),
        "{told}"
    );
    assert!(!told.contains("✗ GET"), "{told}");
}

#[test]
fn refuses_a_server_that_may_be_production() {
    let server = Server::start(Engine::Sqlite);
    let admin = server.admin().email;
    let target = ["verify", "--target", &server.url, "--admin", &admin, "--secret-file", "-"];
    let refused = server.operator_refused(&target);
    assert!(refused.contains("does not identify itself as a test or staging server"), "{refused}");
    // A caller that confirms the target, but has no account there, is refused too.
    let nobody = [&target[..], &["--i-know-this-is-production"]].concat();
    assert!(server.operator_refused(&nobody).contains("cannot log in"));
    assert_eq!(server.get("/health/live").send().header("x-cloakroom-environment"), None);
}

#[test]
fn staging_server_marks_every_answer() {
    let (server, _) = staging(Engine::Sqlite);
    for path in [
        "/health/live",
        "/users/me",
        "/nowhere",
        "/oauth/userinfo",
        "/oauth/authorize",
        "/problems/not-owner",
    ] {
        assert_eq!(server.get(path).send().header("x-cloakroom-environment"), Some("staging"), "{path}");
    }
}
