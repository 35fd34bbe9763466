//! `/authz/matrix`: the authorization matrix as the server publishes it. `authz_matrix.rs` tests it against
//! every route.

use cloakroom::App;
use serde_json::{Value, json};

use crate::support::{Engine, MAIL_TO_LOG, Server, on_both_engines};

fn answers(matrix: &Value, method: &str, path: &str) -> Vec<String> {
    let rows = matrix["routes"].as_array().expect("routes");
    let row = rows.iter().find(|row| row["method"] == method && row["path"] == path).expect("the route");
    let answers = row["answers"].as_array().expect("answers").iter();
    let told = |answer: &Value| match answer["allowed"].as_bool() {
        Some(true) => "in".to_owned(),
        _ => format!("{} {}", answer["status"], answer["code"].as_str().unwrap_or_default()),
    };
    answers
        .map(|answer| format!("{}: {}", answer["caller"].as_str().unwrap_or_default(), told(answer)))
        .collect()
}

on_both_engines! {
    fn matrix_is_public_and_equals_the_commands(server) {
        let server = server.restart_with(&MAIL_TO_LOG);
        let answer = server.get("/authz/matrix").send().expect(200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.json(), json!(App::default().matrix()));
        assert_eq!(
            answers(&answer.json(), "DELETE", "/users/{id}"),
            [
                "nobody: 401 unauthenticated",
                "bad token: 401 invalid-token",
                "no scope: 403 insufficient-scope",
                "owner: in",
                "another user: 403 not-owner",
                "support: 403 not-owner",
                "admin: in",
                "admin, one scope: 403 above-caller",
                "client: 403 not-owner",
                "client, any: in",
                "owner, stale: 401 insufficient-user-authentication",
                "admin, stale: 401 insufficient-user-authentication",
                "browser: in",
                "admin's browser: 403 not-owner",
                "foreign page: 403 foreign-origin",
            ]
        );
    }

    fn every_change_of_another_users_record_compares_powers(server) {
        let matrix = server.get("/authz/matrix").send().expect(200).json();
        let rows = matrix["routes"].as_array().expect("routes").iter();
        let changes = rows.filter(|row| row["method"] != "GET" && row["owner_from"] == "url" && row["any_scope"].is_string());
        let (compares, unranked): (Vec<&Value>, Vec<&Value>) = changes.partition(|row| row["not_above"] == true);
        assert!(compares.len() > 8, "{compares:?}");
        assert!(unranked.is_empty(), "a caller may act on an account above its own: {unranked:?}");
    }

    fn page_loads_no_external_files(server) {
        let answer = server.get("/authz/matrix").header("accept", "text/html,application/xhtml+xml,*/*;q=0.8").send().expect(200);
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(!answer.body.contains("http://") && !answer.body.contains("https://") && !answer.body.contains("src="));
        assert!(answer.body.contains("<code>DELETE /users/{id}</code>"));
    }
}

#[test]
fn matrix_shows_closed_registration() {
    let server = Server::start_with(Engine::Sqlite, &[("CLOAKROOM_REGISTRATION", "closed")]);
    let matrix = server.get("/authz/matrix").send().expect(200).json();
    let told = answers(&matrix, "POST", "/users");
    assert_eq!(told.first().map(String::as_str), Some("nobody: 401 registration-closed"));
    assert!(told.contains(&"owner: 403 insufficient-scope".to_owned()), "{told:?}");
}
