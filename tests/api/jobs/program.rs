//! The command line of jobs, and the metrics.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{
    Engine, MASTER_KEY, PASSWORD, Postgres, Process, Request, eventually, on_both_engines, run_program,
};

const PROGRAM: &str = "jobs::program::watch";

/// The application as a program, for the tests below and for torture.
#[test]
#[ignore = "a program for other tests"]
fn watch() {
    run_program(super::app());
}

fn settings(database: &str) -> Vec<(&str, &str)> {
    vec![("DATABASE_URL", database), ("CLOAKROOM_MASTER_KEY", MASTER_KEY), ("RUST_LOG", "warn")]
}

fn command(directory: &Path, database: &str, arguments: &[&str]) -> (bool, String) {
    let output =
        Process::command_of_app(PROGRAM, directory, &settings(database), arguments).output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

fn listed(directory: &Path, database: &str) -> Value {
    let (is_done, text) = command(directory, database, &["jobs", "list", "--json"]);
    assert!(is_done, "{text}");
    let json = text.find('[').map(|at| &text[at..]).unwrap();
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {text}"))
}

on_both_engines! {
    fn an_operator_lists_and_runs_jobs(engine: Engine) {
        let dir = TempDir::new().unwrap();
        let database = match engine {
            Engine::Sqlite => format!("sqlite://{}", dir.path().join("watch.db").display()),
            Engine::Postgres => Postgres::new_database(),
        };
        let server = Process::start_app(PROGRAM, dir.path(), &settings(&database));
        server.registration("ada@example.com").send().expect(201);
        let token = server.token("ada@example.com");
        let put = server.request("PUT", "/users/me/profile").bearer(&token);
        put.json(&serde_json::json!({ "name": "fail" })).send().expect(200);
        let job = |name: &str| {
            let all = listed(dir.path(), &database);
            all.as_array().unwrap().iter().find(|job| job["name"] == name).cloned().unwrap_or_default()
        };
        eventually("the failure is listed", || job("watch profiles")["error"] == "the profile says so");
        let failing = job("watch profiles");
        assert_eq!((&failing["waiting"], &failing["when"]), (&1.into(), &"after update profile".into()));
        assert_eq!(job("tick")["when"], "every 1s");
        eventually("duties are listed", || job("audit-sealing")["succeeded_at"].is_string());
        let (is_done, text) = command(dir.path(), &database, &["jobs", "run", "watch profiles"]);
        assert!(!is_done, "{text}");
        let (is_done, text) = command(dir.path(), &database, &["jobs", "run", "greet users"]);
        assert!(is_done && text.contains("done"), "{text}");
        let (is_done, text) = command(dir.path(), &database, &["jobs", "run", "nothing"]);
        assert!(!is_done, "{text}");
        assert!(server.log().contains("the job watch profiles failed: the profile says so"), "{}", server.log());
        assert!(dir.path().join("log").exists() && !PASSWORD.is_empty());
    }
}

#[test]
fn metrics_show_runs_and_failures() {
    let server = crate::support::Server::start_app_with(
        Engine::Sqlite,
        super::app,
        &[("CLOAKROOM_METRICS_LISTEN", "127.0.0.1:0")],
    );
    let ada = server.register("ada");
    super::rename(&server, &ada, "fail");
    let address = server.metrics.unwrap();
    let has = |line: &str| {
        let text = Request::new("GET", format!("http://{address}/metrics")).send().body;
        text.lines().any(|known| known.starts_with(line))
    };
    eventually("the run is counted", || has("cloakroom_job_runs_total{name=\"tick\"} "));
    eventually("the failure is counted", || has("cloakroom_job_failures_total{name=\"watch profiles\"} 1"));
    eventually("the success has a time", || {
        has("cloakroom_job_last_success_timestamp_seconds{name=\"tick\"} 1")
    });
    assert!(has("cloakroom_job_interval_seconds{name=\"tick\"} 1"));
    assert!(has("cloakroom_outbox_given_up_total{name=\"watch profiles\"} 0"));
    assert!(has("cloakroom_outbox_age_seconds{name=\"watch profiles\"}"));
}
