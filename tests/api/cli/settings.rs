//! `cloakroom config` and `cloakroom migrate`.

use super::*;

#[test]
fn config_shows_every_setting_and_every_fault() {
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
    assert!(machine.done(&["config"]).contains("The lifetime of an access token"));

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
            ["CLOAKROOM_WORKERS", "write open or verified or closed", "32 bytes"]
                .iter()
                .all(|words| ran.err.contains(words))
        );
        assert!(!(ran.out + &ran.err).contains("hunter2"));
    }
    assert_eq!(machine.files(), 1);
}

#[test]
fn migrate_applies_once_and_dry_run_changes_nothing() {
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
fn commands_without_a_schema_name_the_fix() {
    let machine = Machine::new();
    for command in ["users list", "users show a@b.c", "users delete a@b.c", "clients list", "clients show a"]
    {
        let arguments: Vec<&str> = command.split(' ').collect();
        machine.refused(&arguments, &["there is no database", "cloakroom migrate", "cloakroom.db"]);
    }
    assert_eq!(machine.files(), 0);
    std::fs::write(machine.path().join("cloakroom.db"), "").expect("a file");
    machine.refused(&["users", "list"], &["not up to date", "run cloakroom migrate", "cloakroom.db"]);
    machine.done(&["clients", "create", "--id", "reports", "--scope", "users:read:any"]);
    assert_eq!(machine.done(&["users", "list"]), "");
    assert_eq!(machine.json(&["users", "list"]), json!([]));
}
