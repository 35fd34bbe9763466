//! The two collections of `docs/qa/`. Bruno runs its own, in CI too. Hurl runs its own where it is installed;
//! CI does not, because it would have to build Hurl from source. A comparison keeps the two equal.

use std::collections::BTreeMap;
use std::io::Write as _;

use super::*;
use crate::test_server::TestServer;

/// A request of a collection with the expected answer.
#[derive(Debug, Default, PartialEq)]
struct Exchange {
    method: String,
    path: String,
    status: String,
    /// The expected members of the JSON body.
    members: BTreeMap<String, String>,
}

fn collection(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/qa").join(path)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("a file of a collection")
}

/// Reads a Hurl file.
fn exchanges_of_hurl(text: &str) -> Vec<Exchange> {
    let mut exchanges: Vec<Exchange> = Vec::new();
    for line in text.lines() {
        if let Some((method, path)) = line.split_once(" {{url}}") {
            let (method, path) = (method.to_owned(), path.to_owned());
            exchanges.push(Exchange { method, path, ..Exchange::default() });
        }
        let Some(exchange) = exchanges.last_mut() else { continue };
        if let Some(status) = line.strip_prefix("HTTP ") {
            status.clone_into(&mut exchange.status);
        }
        let member = line.strip_prefix("jsonpath \"$.").and_then(|rest| rest.split_once("\" == "));
        if let Some((name, value)) = member {
            exchange.members.insert(name.to_owned(), value.trim_matches('"').to_owned());
        }
    }
    exchanges
}

/// Reads a file of the Bruno collection, which has one request.
fn exchange_of_bruno(text: &str) -> Exchange {
    let (mut exchange, mut block) = (Exchange::default(), "");
    for line in text.lines() {
        if let Some(name) = line.strip_suffix(" {").filter(|name| !name.starts_with(' ')) {
            block = name;
        }
        let Some((name, value)) = line.trim_start().split_once(": ") else { continue };
        match (block, name) {
            ("get" | "post" | "put" | "patch" | "delete", "url") => {
                exchange.method = block.to_uppercase();
                exchange.path = value.replace("{{url}}", "");
            }
            ("assert", "res.status") => value.trim_start_matches("eq ").clone_into(&mut exchange.status),
            ("assert", _) => {
                if let (Some(name), Some(value)) = (name.strip_prefix("res.body."), value.strip_prefix("eq "))
                {
                    exchange.members.insert(name.to_owned(), value.to_owned());
                }
            }
            _ => {}
        }
    }
    exchange
}

/// Replaces the variables of Bruno's environment, apart from the address of the server.
fn without_variables(text: &str) -> String {
    let environment = read(&collection("bruno/environments/test.bru"));
    let variables = environment.lines().filter_map(|line| line.trim_start().split_once(": "));
    variables
        .filter(|(name, _)| *name != "url")
        .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), value))
}

#[test]
fn both_collections_expect_the_same_answers() {
    let hurl = exchanges_of_hurl(&without_variables(&read(&collection("hurl/alice-and-bob.hurl"))));
    let directory = std::fs::read_dir(collection("bruno")).expect("a directory");
    let mut files: Vec<PathBuf> = directory.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "bru"));
    files.sort();
    let texts: Vec<String> = files.iter().map(|path| without_variables(&read(path))).collect();
    for (number, text) in (1..).zip(&texts) {
        assert!(
            text.contains(&format!("\n  seq: {number}\n")),
            "the files have the order of the requests: {text}"
        );
    }
    let bruno: Vec<Exchange> = texts.iter().map(|text| exchange_of_bruno(text)).collect();
    assert!(!hurl.is_empty() && hurl.iter().all(|exchange| !exchange.status.is_empty()), "{hurl:#?}");
    assert_eq!(hurl, bruno);
}

#[test]
fn bruno_runs_its_collection() {
    let bruno = package("@usebruno/cli");
    if !are_installed(&[&bruno]) {
        return;
    }
    let server = TestServer::start();
    let mut command = Command::new("node");
    // Bruno does not wait until its default sandbox is loaded. A fast answer then fails the first check.
    command.arg(bruno.join("bin/bru.js")).args(["run", "--sandbox=developer", "--env", "test"]);
    command.arg(format!("--env-var=url={}", server.url)).current_dir(collection("bruno"));
    finish(&mut command, "bruno");
}

#[test]
fn hurl_runs_its_collection() {
    if Command::new("hurl").arg("--version").output().is_err() {
        let _ =
            std::io::stderr().write_all(b"SKIPPED: there is no hurl here; Bruno sends the same requests\n");
        return;
    }
    let server = TestServer::start();
    let mut command = Command::new("hurl");
    command
        .args(["--test", "--variable", &format!("url={}", server.url)])
        .arg(collection("hurl/alice-and-bob.hurl"));
    finish(&mut command, "hurl");
}
