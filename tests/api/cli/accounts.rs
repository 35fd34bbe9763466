//! `cloakroom users` and `cloakroom clients`.

use super::*;

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
