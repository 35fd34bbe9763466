//! `cloakroom verify`: proves the matrix against a running server. `src/qa/testing/tests.rs` tests on a server
//! without a check that it finds the gap.

use std::process::Child;

use serde_json::Value;

use crate::notes;
use crate::support::{
    Engine, MASTER_KEY, PASSWORD, Process, Server, eventually, on_both_engines, run_program,
};

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

/// The application `notes` as a program, for the test below.
#[test]
#[ignore = "a program for another test"]
fn program_of_notes() {
    run_program(notes::app());
}

on_both_engines! {
    // Only its owner can delete a note, and a label.
    fn verifies_an_application_and_removes_its_records(engine: Engine) {
        let server = Server::start_app_with(engine, notes::app, &[("CLOAKROOM_ENVIRONMENT", "staging")]);
        server.admin();
        let directory = tempfile::tempdir().unwrap();
        let settings = [("DATABASE_URL", server.database_url.as_str()), ("CLOAKROOM_MASTER_KEY", MASTER_KEY)];
        let arguments = ["verify", "--target", &server.url, "--issuer", &server.url, "--keys", "--no-timing"];
        let ran = Process::command_of_app("verify::program_of_notes", directory.path(), &settings, &arguments).output().unwrap();
        let told = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success() && told.contains("all are as the rules say\n"), "{told}");
        let counter = notes::db_client_token(&server, "counter", "notes:count");
        assert_eq!(server.get("/note-count").bearer(&counter).send().expect(200).json()["notes"], 0);
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
    // Editors and shells that begin a file with a byte order mark are common.
    let told = server.operator_output_with_input(&arguments, &format!("\u{feff}{PASSWORD}\n"));
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

/// Starts a verification, and waits until it has created accounts.
fn verification_at_work(server: &Server) -> Child {
    let before = people(server).0;
    let arguments = ["verify", "--target", &server.url, "--issuer", &server.url, "--keys", "--no-timing"];
    let run = server.spawn_operator(&arguments);
    eventually("the verification creates accounts", || people(server).0 > before + 5);
    run
}

#[test]
fn signal_ends_a_run_and_leaves_nothing() {
    for signal in ["TERM", "INT", "HUP"] {
        let (server, _) = staging(Engine::Sqlite);
        let before = people(&server);
        let run = verification_at_work(&server);
        let mut shell = std::process::Command::new("sh");
        let sent = shell.arg("-c").arg(format!("kill -{signal} {}", run.id())).status();
        assert!(sent.unwrap().success());
        let output = run.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains("a signal ended the run"), "{signal}: {told}");
        assert_eq!(people(&server), before, "{signal}");
    }
}

#[test]
fn server_that_ends_during_a_run_gets_a_report() {
    let (mut server, _) = staging(Engine::Sqlite);
    let run = verification_at_work(&server);
    server.stop();
    let output = run.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!output.status.success() && told.contains("the run ended early: "), "{told}");
    assert!(told.contains("GET /users"), "it names the routes: {told}");
}

#[test]
fn run_that_leaves_something_untried_fails_if_all_is_required() {
    let (server, admin) = staging(Engine::Sqlite);
    let arguments =
        ["verify", "--target", &server.url, "--admin", &admin, "--secret-file", "-", "--no-timing"];
    server.operator_with_input(&arguments, PASSWORD);
    let required = [&arguments[..], &["--require-all"]].concat();
    let told = server.operator_refused_with_input(&required, PASSWORD);
    assert!(told.contains("were not tried, and --require-all is given"), "{told}");
}

#[test]
fn next_run_removes_what_a_killed_one_left() {
    let (server, _) = staging(Engine::Sqlite);
    let before = people(&server);
    let mut killed = verification_at_work(&server);
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert_ne!(people(&server), before);
    let arguments = ["verify", "--target", &server.url, "--issuer", &server.url, "--keys", "--no-timing"];
    assert!(server.operator(&arguments).ends_with("all are as the rules say\n"));
    assert_eq!(people(&server), before);
}

#[test]
fn two_runs_at_once_leave_each_other_alone() {
    let (server, _) = staging(Engine::Sqlite);
    let before = people(&server);
    let runs = [verification_at_work(&server), verification_at_work(&server)];
    for run in runs {
        let output = run.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && told.ends_with("all are as the rules say\n"), "{told}");
    }
    assert_eq!(people(&server), before);
}

/// Returns the words that are between two texts, on each line of a file.
fn between(path: &str, before: &str, after: char) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let words = text.lines().filter_map(|line| line.strip_prefix(before)?.split_once(after));
    words.map(|(word, _)| word.to_owned()).filter(|word| !word.contains(' ')).collect()
}

#[test]
fn each_fault_is_planted_and_none_is_in_a_default_build() {
    let mut declared = between("src/faults.rs", "        ", ':');
    declared.retain(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
    assert!(declared.len() >= 60, "{declared:?}");
    let planted = sources(std::path::Path::new("src"));
    for name in &declared {
        assert!(planted.contains(&format!("fault!({name})")), "{name} is planted nowhere");
    }
    let manifest = std::fs::read_to_string("Cargo.toml").unwrap();
    assert!(!manifest.contains("default = ") && manifest.contains("\nfaults = []\n"));
}

#[test]
fn table_of_faults_names_each_and_what_finds_it() {
    let mut declared = between("src/faults.rs", "        ", ':');
    declared.retain(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
    let page = std::fs::read_to_string("docs/qa.md").unwrap();
    let table =
        page.split("<!-- faults:begin -->").nth(1).and_then(|rest| rest.split("<!-- faults:end -->").next());
    let rows: Vec<Vec<&str>> = table
        .expect("a table")
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches(['|', ' ']).split(" | ").collect())
        .collect();
    let named: Vec<&str> = rows.iter().map(|row| row[0].trim_matches('`')).collect();
    assert_eq!(named, declared);
    for row in rows {
        assert!(row.len() == 3 && !["", "nothing", "not tried yet"].contains(&row[2].trim()), "{row:?}");
    }
}

/// Returns the text of every source file below a directory.
fn sources(directory: &std::path::Path) -> String {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.fold(String::new(), |text, path| match path.is_dir() {
        true => text + &sources(&path),
        false => text + &std::fs::read_to_string(&path).unwrap_or_default(),
    })
}
