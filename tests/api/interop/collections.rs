//! The collections of `docs/qa/`, each run by its own program against a server made for tests.

use super::*;
use crate::test_server::TestServer;

fn collection(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/qa").join(path)
}

#[test]
fn brunos() {
    let bruno = package("@usebruno/cli");
    if !are_here(&[&bruno]) {
        return;
    }
    let server = TestServer::start();
    let mut command = Command::new("node");
    // Its other sandbox is not waited for: a server that answers before it has been loaded fails the first check.
    command.arg(bruno.join("bin/bru.js")).args(["run", "--sandbox=developer", "--env", "test"]);
    command.arg(format!("--env-var=url={}", server.url)).current_dir(collection("bruno"));
    finish(&mut command, "bruno");
}

#[test]
fn hurls() {
    let hurl = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/hurl/bin/hurl");
    if !are_here(&[&hurl]) {
        return;
    }
    let server = TestServer::start();
    let mut command = Command::new(hurl);
    command
        .args(["--test", "--variable", &format!("url={}", server.url)])
        .arg(collection("hurl/alice-and-bob.hurl"));
    finish(&mut command, "hurl");
}
