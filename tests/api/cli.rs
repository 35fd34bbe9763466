//! The command line, as the operator uses it: a process of its own, in a directory of its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::Request;

const PASSWORD: &str = "a most unusual passphrase";

/// A new machine: an empty working directory, and no settings but a cheap hash.
struct Machine(TempDir);

/// What a command did.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Machine {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
        command.args(arguments).current_dir(self.path()).env_clear();
        command.env("CLOAKROOM_ARGON2", "m=7168,t=5,p=1").env("RUST_LOG", "warn");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with_input(arguments, "")
    }

    fn run_with_input(&self, arguments: &[&str], input: &str) -> Ran {
        finish(self.command(arguments).spawn().expect("it starts"), input)
    }

    /// The result of a command that succeeds.
    #[track_caller]
    fn done(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert!(ran.code == Some(0) && ran.err.is_empty(), "{arguments:?}: {ran:?}");
        ran.out
    }

    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.done(&[arguments, &["--json"]].concat())).expect("JSON")
    }

    /// The one line of a command that is refused, which says all of `words`.
    #[track_caller]
    fn refused(&self, arguments: &[&str], words: &[&str]) {
        let ran = self.run(arguments);
        assert_eq!((ran.code, ran.out.as_str(), ran.err.lines().count()), (Some(1), "", 1), "{ran:?}");
        assert!(words.iter().all(|words| ran.err.contains(words)), "{ran:?}");
    }

    #[track_caller]
    fn misused(&self, arguments: &[&str], words: &str) {
        let ran = self.run(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{arguments:?}: {ran:?}");
        assert!(ran.err.contains(words), "{ran:?}");
    }

    fn files(&self) -> usize {
        std::fs::read_dir(self.path()).expect("a directory").count()
    }
}

fn finish(mut child: Child, input: &str) -> Ran {
    // One that does not read its input may be gone already.
    let _ = child.stdin.take().expect("an input").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

const COMMANDS: &[&str] = &[
    "serve",
    "migrate",
    "config",
    "routes",
    "openapi",
    "users create",
    "users list",
    "users show",
    "users suspend",
    "users activate",
    "users delete",
    "users set-password",
    "clients create",
    "clients list",
    "clients show",
    "clients rotate-secret",
    "clients delete",
];

#[test]
fn every_command_explains_itself_and_touches_nothing() {
    let machine = Machine::new();
    let all = machine.done(&["--help"]);
    assert!(all.contains("--listen") && all.contains("cloakroom users create"), "{all}");
    for command in COMMANDS {
        let words: Vec<&str> = command.split(' ').collect();
        let help = machine.done(&[words.as_slice(), &["-h"]].concat());
        assert!(help.contains(&format!("Usage: cloakroom {command}")), "{help}");
        assert!(all.contains(words[0]));
    }
    assert_eq!(machine.files(), 0);
}

#[test]
fn wrong_usage_is_2() {
    let machine = Machine::new();
    machine.misused(&["frobnicate"], "frobnicate");
    machine.misused(&["users"], "Usage:");
    machine.misused(&["users", "create"], "--email");
    machine.misused(&["users", "create", "--email", "nobody"], "like ada@example.com");
    machine.misused(&["users", "create", "--email", "a@b.c", "--role", "amdin"], "'admin'");
    machine.misused(&["users", "show", "ada"], "neither an id nor an e-mail address");
    machine.misused(&["clients", "create", "--id", "a b", "--scope", "users:read:any"], "A-Z a-z 0-9");
    machine.misused(
        &["clients", "create", "--id", "a", "--scope", "users:raed:any"],
        "nearest is users:read:any",
    );
    machine.misused(&["clients", "create", "--id", "a", "--scope", " "], "at least one");
    machine.misused(
        &["clients", "create", "--id", "a", "--scope", "users:read", "--grant", "password"],
        "grant",
    );
    machine.misused(&["migrate", "--status", "--dry-run"], "--dry-run");
    machine.misused(&["routes", "--format", "pdf"], "markdown");
    assert_eq!(machine.files(), 0);
}

#[test]
fn migrate_names_what_it_applies_once_and_a_dry_run_changes_nothing() {
    let machine = Machine::new();
    let pending = machine.json(&["migrate", "--dry-run"]);
    let names: Vec<&str> =
        pending["pending"].as_array().expect("names").iter().filter_map(Value::as_str).collect();
    let lines = |word: &str| names.iter().map(|name| format!("{word} {name}\n")).collect::<String>();
    assert!(!names.is_empty());
    assert_eq!(machine.done(&["migrate", "--dry-run"]), lines("pending"));
    assert_eq!(machine.done(&["migrate", "--status"]), lines("pending"));
    assert_eq!(machine.files(), 0);

    assert_eq!(machine.done(&["migrate"]), lines("applied"));
    assert_eq!(machine.done(&["migrate", "--status"]), lines("applied"));
    assert_eq!(machine.done(&["migrate"]), "nothing to do\n");
    assert_eq!(machine.json(&["migrate"]), json!({ "applied": [] }));
    assert_eq!(machine.json(&["migrate", "--status"])[0], json!({ "name": names[0], "applied": true }));
    assert_eq!(machine.json(&["migrate", "--dry-run", "--database-url", "sqlite://other.db"]), pending);
    machine
        .refused(&["migrate", "--database-url", "sqlite://no/such.db"], &["not available", "DATABASE_URL"]);
}

#[test]
fn what_needs_the_schema_says_how_to_get_it_and_create_makes_it() {
    let machine = Machine::new();
    for command in ["users list", "users show a@b.c", "users delete a@b.c", "clients list", "clients show a"]
    {
        let arguments: Vec<&str> = command.split(' ').collect();
        machine.refused(&arguments, &["not up to date", "run cloakroom migrate", "cloakroom.db"]);
    }
    assert_eq!(machine.files(), 0);
    machine.done(&["clients", "create", "--id", "reports", "--scope", "users:read:any"]);
    assert_eq!(machine.done(&["users", "list"]), "");
    assert_eq!(machine.json(&["users", "list"]), json!([]));
}

#[test]
fn an_account_is_made_found_suspended_activated_and_deleted() {
    let machine = Machine::new();
    let made = machine.done(&["users", "create", "--email", "Ada@Example.com"]);
    let (id, rest) = made.split_once('\n').expect("two lines");
    let password = rest.trim_end().strip_prefix("password: ").expect("a password");
    assert!(password.len() >= 22, "128 bits: {made}");
    machine.refused(&["users", "create", "--email", "ada@example.COM"], &["an account has this address"]);

    let roles = ["--role", "user", "--role", "admin", "--role", "user"];
    let grace =
        machine.json(&[["users", "create", "--email", "grace@example.com"].as_slice(), &roles].concat());
    assert_eq!(grace["roles"], json!(["admin", "user"]));
    assert_ne!(grace["password"], json!(password));
    let line = format!("{id}\tAda@example.com\tactive\tuser\n");
    let all = machine.done(&["users", "list"]);
    assert!(all.starts_with(&line) && all.ends_with("\tgrace@example.com\tactive\tadmin,user\n"), "{all}");
    let list = machine.json(&["users", "list"]);
    assert_eq!(list.as_array().map(Vec::len), Some(2));
    assert_eq!(list[0], machine.json(&["users", "show", id]));
    assert_eq!(list[0], machine.json(&["users", "show", " ADA@example.com"]));
    assert_eq!((&list[0]["status"], &list[0]["last_login_at"]), (&json!("active"), &Value::Null));
    assert!(machine.done(&["users", "show", id]).contains("email: Ada@example.com\n"));

    assert_eq!(machine.json(&["users", "suspend", id])["status"], "suspended");
    assert_eq!(machine.done(&["users", "suspend", "ada@example.com"]), format!("{id} is suspended\n"));
    assert_eq!(machine.done(&["users", "activate", id]), format!("{id} is active\n"));
    assert_eq!(machine.done(&["users", "delete", id]), format!("{id} is deleted\n"));
    for gone in [id, "ada@example.com"] {
        machine.refused(&["users", "show", gone], &["there is no user", gone, "cloakroom users list"]);
    }
}

#[test]
fn the_last_administrator_stays() {
    let machine = Machine::new();
    let create = |email| machine.done(&["users", "create", "--email", email, "--role", "admin"]);
    create("ada@example.com");
    for command in ["suspend", "delete"] {
        machine
            .refused(&["users", command, "ada@example.com"], &["last active administrator", "users create"]);
    }
    create("grace@example.com");
    machine.done(&["users", "suspend", "ada@example.com"]);
    machine.refused(&["users", "delete", "grace@example.com"], &["last active administrator"]);
}

#[test]
fn a_password_is_one_line_of_standard_input_or_made_and_told() {
    let machine = Machine::new();
    let create = ["users", "create", "--email", "ada@example.com", "--password-stdin", "--json"];
    for (wrong, words) in
        [("short", "at least 8"), ("password1", "first that an attacker"), ("two\nlines here", "one line")]
    {
        let ran = machine.run_with_input(&create, wrong);
        assert!(ran.code == Some(1) && ran.out.is_empty() && ran.err.contains(words), "{ran:?}");
    }
    let made: Value = serde_json::from_str(&machine.run_with_input(&create, PASSWORD).out).expect("JSON");
    assert_eq!((made.get("password"), &made["roles"]), (None, &json!(["user"])));
    let set = ["users", "set-password", "ada@example.com"];
    let told = machine.json(&set);
    assert!(told["password"].as_str().is_some_and(|text| text.len() >= 22), "{told}");
    let ran =
        machine.run_with_input(&[&set[..], &["--password-stdin"]].concat(), "another unusual passphrase\r\n");
    assert_eq!((ran.code, ran.out), (Some(0), format!("{}\n", made["id"].as_str().expect("an id"))));
}

#[test]
fn a_client_is_registered_shown_without_its_secret_and_removed() {
    let machine = Machine::new();
    let create = [
        "clients",
        "create",
        "--id",
        "reports",
        "--scope",
        "users:read:any profiles:read:any",
        "--name",
        "Ada's",
    ];
    let made = machine.json(&create);
    assert_eq!(made["client_id"], "reports");
    let secret = made["client_secret"].as_str().expect("a secret");
    assert!(secret.len() >= 43);
    machine.refused(&create, &["a client has this id", "clients show reports"]);
    let shown = machine.json(&["clients", "show", "reports"]);
    assert_eq!(shown["scope"], "profiles:read:any users:read:any");
    assert_eq!((&shown["grants"], &shown["name"]), (&json!(["client_credentials"]), &json!("Ada's")));
    assert_eq!(machine.json(&["clients", "list"]), json!([shown]));
    let told = machine.done(&["clients", "list"]) + &machine.done(&["clients", "show", "reports"]);
    assert!(told.starts_with("reports\tclient_credentials\t") && !told.contains(secret), "{told}");
    let rotated = machine.done(&["clients", "rotate-secret", "reports"]);
    assert!(
        rotated.starts_with("client_id: reports\nclient_secret: ") && !rotated.contains(secret),
        "{rotated}"
    );
    assert_eq!(machine.done(&["clients", "delete", "reports"]), "reports is deleted\n");
    for command in ["show", "rotate-secret", "delete"] {
        machine.refused(&["clients", command, "reports"], &["there is no client reports", "clients list"]);
    }
}

#[test]
fn config_shows_every_setting_and_all_faults() {
    let machine = Machine::new();
    std::fs::write(machine.path().join(".env"), "CLOAKROOM_LEEWAY=7s\n").expect("a file");
    let shown = machine.json(&["config", "--listen", "127.0.0.1:1"]);
    assert_eq!(shown["faults"], json!([]));
    let of = |variable: &str| {
        let rows = shown["settings"].as_array().expect("rows");
        let row = rows.iter().find(|row| row["variable"] == variable).expect("a row");
        (
            row["value"].as_str().expect("a value").to_owned(),
            row["source"].as_str().expect("a source").to_owned(),
        )
    };
    assert_eq!(of("CLOAKROOM_LEEWAY"), ("7s".to_owned(), ".env".to_owned()));
    assert_eq!(of("CLOAKROOM_LISTEN"), ("127.0.0.1:1".to_owned(), "flag".to_owned()));
    assert_eq!(of("RUST_LOG"), ("warn".to_owned(), "environment".to_owned()));
    assert!(machine.done(&["config"]).contains("How long an access token is good for"));

    for (command, tells) in [("config", true), ("serve", false), ("migrate", false), ("users list", false)] {
        let arguments: Vec<&str> =
            command.split(' ').chain(["--workers", "0", "--registration", "no"]).collect();
        let mut child = machine.command(&arguments);
        let ran = finish(child.env("CLOAKROOM_MASTER_KEY", "hunter2").spawn().expect("it starts"), "");
        assert_eq!(
            (ran.code, ran.out.contains("(hidden)"), ran.err.lines().count()),
            (Some(1), tells, 3),
            "{ran:?}"
        );
        assert!(
            ["CLOAKROOM_WORKERS", "write open or closed", "32 bytes"]
                .iter()
                .all(|words| ran.err.contains(words))
        );
        assert!(!(ran.out + &ran.err).contains("hunter2"));
    }
    assert_eq!(machine.files(), 1);
}

#[test]
fn the_api_is_described_without_a_database() {
    let machine = Machine::new();
    let rows: Value = serde_json::from_str(&machine.done(&["routes", "--format", "json"])).expect("JSON");
    let rows = rows.as_array().expect("rows");
    assert!(rows.iter().any(|row| row["path"] == "/users/{id}" && row["any_scope"] == "users:read:any"));
    let table = machine.done(&["routes"]);
    assert_eq!(table.lines().count(), rows.len() + 1);
    assert!(machine.done(&["routes", "--format", "markdown"]).starts_with("| route |"));
    assert!(machine.done(&["routes", "--format", "html"]).starts_with("<!DOCTYPE html>"));
    let document = machine.done(&["openapi", "--issuer", "https://id.example.org"]);
    let document: Value = serde_json::from_str(&document).expect("JSON");
    assert_eq!(
        (&document["openapi"], &document["servers"][0]["url"]),
        (&json!("3.1.0"), &json!("https://id.example.org"))
    );
    assert_eq!(machine.files(), 0);
}

#[test]
fn a_reader_that_has_read_enough_is_no_failure_and_a_full_disk_is_one() {
    let machine = Machine::new();
    for arguments in [&["routes"][..], &["--help"], &["migrate"], &["openapi"], &["config"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let ran = finish(machine.command(arguments).stdout(writer).spawn().expect("it starts"), "");
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{arguments:?}");
    }
    if let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") {
        let ran = finish(machine.command(&["routes"]).stdout(full).spawn().expect("it starts"), "");
        assert!(ran.code == Some(1) && ran.err.contains("cannot be written"), "{ran:?}");
    }
}

/// `cloakroom` alone, on any free port. It is killed when it is dropped.
struct Serving(Child, Vec<String>);

impl Serving {
    fn start(machine: &Machine, arguments: &[&str]) -> Self {
        let arguments = [arguments, &["--listen", "127.0.0.1:0"]].concat();
        let mut child = machine.command(&arguments).stderr(Stdio::inherit()).spawn().expect("it starts");
        let out = BufReader::new(child.stdout.take().expect("an output"));
        let lines = out.lines().map(|line| line.expect("UTF-8"));
        let mut told = Vec::new();
        for line in lines {
            told.push(line);
            if told.last().is_some_and(|line| line.contains("--role admin")) {
                break;
            }
        }
        Self(child, told)
    }

    fn url(&self) -> &str {
        self.1.first().and_then(|line| line.strip_prefix("listening on ")).expect("an address")
    }

    fn log_in(&self, password: &str) -> u16 {
        let body = json!({ "email": "ada@example.com", "password": password });
        Request::new("POST", format!("{}/sessions", self.url())).json(&body).send().status
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_new_machine_serves_and_says_where_and_what_next() {
    let machine = Machine::new();
    let server = Serving::start(&machine, &[]);
    let told = server.1.join("\n");
    let issuer = format!("issuer {}", server.url());
    for words in ["database sqlite://cloakroom.db", &issuer, "curl ", "cloakroom users create --email"] {
        assert!(told.contains(words), "{told}");
    }
    let live = Request::new("GET", format!("{}/health/ready", server.url())).send();
    live.expect(200);
    let address = server.url().strip_prefix("http://").expect("an address");
    machine.refused(&["serve", "--listen", address], &["cannot listen on", address, "--listen"]);
    drop(server);
    // The key of the first start opens what it sealed.
    Serving::start(&machine, &["serve"]).url();
}

#[test]
fn the_operator_acts_while_the_server_runs() {
    let machine = Machine::new();
    let server = Serving::start(&machine, &["serve"]);
    let made = machine.json(&["users", "create", "--email", "ada@example.com"]);
    let password = made["password"].as_str().expect("a password");
    let body = json!({ "email": "ada@example.com", "password": password });
    let session = Request::new("POST", format!("{}/sessions", server.url())).json(&body).send();
    let token = session.json()["access_token"].as_str().expect("a token").to_owned();
    let read = || Request::new("GET", format!("{}/users/me", server.url())).bearer(&token).send().status;
    assert_eq!(read(), 200);

    machine.done(&["users", "suspend", "ada@example.com"]);
    assert_eq!(server.log_in(password), 401);
    let suspended = Instant::now();
    while read() == 200 {
        assert!(suspended.elapsed() < Duration::from_secs(2), "the token outlives the suspension");
        std::thread::sleep(Duration::from_millis(50));
    }
    machine.done(&["users", "activate", "ada@example.com"]);
    let new = machine.json(&["users", "set-password", "ada@example.com"]);
    assert_eq!(server.log_in(password), 401);
    assert_eq!(server.log_in(new["password"].as_str().expect("a password")), 200);

    let client = machine.json(&["clients", "create", "--id", "reports", "--scope", "users:read:any"]);
    let token = |secret: &Value| {
        let secret = secret["client_secret"].as_str().expect("a secret");
        let form =
            [("grant_type", "client_credentials"), ("client_id", "reports"), ("client_secret", secret)];
        Request::new("POST", format!("{}/oauth/token", server.url())).form(&form).send().status
    };
    assert_eq!(token(&client), 200);
    let rotated = machine.json(&["clients", "rotate-secret", "reports"]);
    assert_eq!((token(&client), token(&rotated)), (401, 200));
    machine.done(&["clients", "delete", "reports"]);
    assert_eq!(token(&rotated), 401);
}
