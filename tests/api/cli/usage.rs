//! Help, wrong usage, and the streams of the output.

use super::*;

const COMMANDS: &[&str] = &[
    "serve",
    "migrate",
    "config",
    "routes",
    "openapi",
    "new resource",
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
fn every_command_has_help_without_side_effects() {
    let machine = Machine::new();
    let all = machine.done(&["--help"]);
    assert!(all.contains("cloakroom users create"), "{all}");
    for command in COMMANDS {
        let words: Vec<&str> = command.split(' ').collect();
        let help = machine.done(&[words.as_slice(), &["-h"]].concat());
        assert!(help.contains(&format!("Usage: cloakroom {command}")), "{help}");
        assert!(all.contains(words[0]));
    }
    assert_eq!(machine.files(), 0);
}

#[test]
fn help_has_a_commands_own_options_and_points_to_the_settings() {
    let machine = Machine::new();
    for command in COMMANDS.iter().map(|command| command.split(' ').collect::<Vec<_>>()).chain([vec![]]) {
        for flag in ["-h", "--help"] {
            let help = machine.done(&[command.as_slice(), &[flag]].concat());
            assert!(help.contains("is also a flag") && help.contains("cloakroom config"), "{help}");
            assert!(!help.contains("--leeway") && help.lines().count() < 100, "{help}");
        }
    }
    let help = machine.done(&["users", "create", "--help"]);
    assert!(help.contains("--email") && help.contains("--password-stdin"), "{help}");
    machine.done(&["migrate", "--leeway", "7s"]);
}

#[test]
fn wrong_usage_exits_with_2() {
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
fn closed_pipe_succeeds_and_full_disk_fails() {
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

#[test]
fn openapi_command_needs_no_database() {
    let machine = Machine::new();
    let matrix: Value = serde_json::from_str(&machine.done(&["routes", "--format", "json"])).expect("JSON");
    let rows = matrix["routes"].as_array().expect("rows");
    assert!(rows.iter().any(|row| row["path"] == "/users/{id}" && row["any_scope"] == "users:read:any"));
    let table = machine.done(&["routes"]);
    let lines_of = |route: &str| table.lines().filter(|line| line.starts_with(route)).count();
    assert_eq!(
        (lines_of("DELETE /clients/{id}"), lines_of("POST /keys/rotate")),
        (2, 2),
        "rules and answers"
    );
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
fn matrix_diff_fails_when_a_rule_widens() {
    let machine = Machine::new();
    let now = machine.done(&["routes", "--format", "json"]);
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("before.json");
    let differs_from = |matrix: &Value| {
        std::fs::write(&file, matrix.to_string()).expect("a file");
        finish(machine.command(&["routes", "--diff"]).arg(&file).spawn().expect("it starts"), "")
    };
    let now: Value = serde_json::from_str(&now).expect("JSON");
    let same = differs_from(&now);
    assert_eq!((same.code, same.out.as_str()), (Some(0), "no caller gained or lost access\n"));

    let mut narrower = now.clone();
    let row = |matrix: &Value, path: &str| {
        matrix["routes"]
            .as_array()
            .unwrap()
            .iter()
            .position(|row| row["path"] == path && row["method"] == "GET")
            .unwrap()
    };
    let (read, sessions) = (row(&now, "/users/{id}"), row(&now, "/users/{id}/sessions"));
    let (another, owner) = (4, 3);
    narrower["routes"][read]["answers"][owner] = now["routes"][read]["answers"][another].clone();
    narrower["routes"][read]["answers"][owner]["caller"] = json!("owner");
    let wider = differs_from(&narrower);
    assert_eq!(wider.code, Some(1), "{wider:?}");
    assert_eq!(wider.out, "wider     GET /users/{id} lets in owner; it was 403 not-owner\n");
    assert!(wider.err.contains("1 of 1 changes give or may give a caller more access"), "{wider:?}");

    let mut before = now.clone();
    before["routes"][sessions]["answers"][another] = now["routes"][sessions]["answers"][owner].clone();
    before["routes"][sessions]["answers"][another]["caller"] = json!("another user");
    let narrowed = differs_from(&before);
    assert_eq!(narrowed.code, Some(0), "{narrowed:?}");
    assert_eq!(narrowed.out, "narrower  GET /users/{id}/sessions refuses another user: 403 not-owner\n");

    let nothing =
        finish(machine.command(&["routes", "--diff", "no such file"]).spawn().expect("it starts"), "");
    assert!(nothing.code == Some(1) && nothing.err.contains("is not a matrix"), "{nothing:?}");
}
