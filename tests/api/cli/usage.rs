//! Help, wrong usage, and where the result goes.

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
