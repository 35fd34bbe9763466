//! `--exit-with-parent`: the server ends with the process that started it.

use std::io::{BufRead as _, BufReader};
use std::time::Duration;

use serde_json::Value;

use super::TestServer;
use crate::support::{Process, Request, eventually};

#[test]
fn server_ends_with_its_parent() {
    let directory = tempfile::tempdir().unwrap();
    let program = Process::test_server_command(directory.path(), &[], &["--json", "--exit-with-parent"]);
    // The shell starts the server, and waits for it.
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "\"$0\" \"$@\" & wait"]).arg(program.get_program()).args(program.get_args());
    shell.current_dir(directory.path()).env_clear().env("CLOAKROOM_LISTEN", "127.0.0.1:0");
    let mut shell = shell.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(shell.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let said: Value = serde_json::from_str(&line).unwrap();
    let live = || Request::new("GET", format!("{}/health/live", said["url"].as_str().unwrap())).try_send();
    assert!(live().is_ok());
    shell.kill().unwrap();
    shell.wait().unwrap();
    eventually("the server ends with its parent", || live().is_err());
}

#[test]
fn server_stays_while_its_parent_lives() {
    let server = TestServer::start_with(&[], &["--exit-with-parent"]);
    std::thread::sleep(Duration::from_millis(500));
    server.request("GET", "/health/live").send().expect(200);
}
