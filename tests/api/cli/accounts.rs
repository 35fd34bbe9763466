//! `cloakroom users` and `cloakroom clients`.

use super::*;
use crate::support::Process;

#[test]
fn creates_lists_suspends_activates_and_deletes_an_account() {
    let machine = Machine::with_database();
    let made = machine.done(&["users", "create", "--email", "Ada@Example.com"]);
    let (id, rest) = made.split_once('\n').expect("two lines");
    let password = rest.trim_end().strip_prefix("password: ").expect("a password");
    assert!(password.len() >= 22, "128 bits: {made}");
    machine.refused(
        &["users", "create", "--email", "ada@example.COM"],
        &["an account with this address exists"],
    );

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
fn last_administrator_cannot_be_removed() {
    let machine = Machine::with_database();
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
fn password_is_read_from_stdin_or_generated() {
    let machine = Machine::with_database();
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
fn byte_order_mark_is_no_part_of_a_text_that_a_command_reads() {
    let machine = Machine::with_database();
    let create = ["users", "create", "--email", "ada@example.com", "--password-stdin"];
    assert_eq!(machine.run_with_input(&create, &format!("\u{feff}{PASSWORD}\r\n")).code, Some(0));
    let file = |name: &str, text: &str| {
        let path = machine.path().join(name);
        std::fs::write(&path, format!("\u{feff}{text}")).expect("a file");
        path.to_str().expect("UTF-8").to_owned()
    };
    let matrix = file("matrix.json", &machine.done(&["routes", "--format", "json"]));
    assert!(machine.done(&["routes", "--diff", &matrix]).contains("no caller gained"));
    let key = json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    let keys = file("keys.json", &json!({ "keys": [key] }).to_string());
    let client = [
        "clients",
        "create",
        "--id",
        "batch",
        "--scope",
        "users:read",
        "--auth-method",
        "private_key_jwt",
        "--jwks",
        &keys,
    ];
    machine.done(&client);
    let issuers =
        file("issuers.json", &json!([{ "issuer": "https://id.example.org", "audience": "api" }]).to_string());
    let mut command = machine.command(&["config"]);
    command.env("CLOAKROOM_TRUSTED_ISSUERS", &issuers);
    let ran = finish(command.spawn().expect("it starts"), "");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let server = Process::start(machine.path(), &[]);
    server.login("ada@example.com").send().expect(200);
}

#[test]
fn registers_shows_and_deletes_a_client() {
    let machine = Machine::with_database();
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
    machine.refused(&create, &["a client with this id exists", "clients show reports"]);
    let shown = machine.json(&["clients", "show", "reports"]);
    assert_eq!(shown["scope"], "profiles:read:any users:read:any");
    assert_eq!(
        (&shown["grant_types"], &shown["client_name"]),
        (&json!(["client_credentials"]), &json!("Ada's"))
    );
    assert_eq!(machine.json(&["clients", "list"]), json!([shown]));
    let told = machine.done(&["clients", "list"]) + &machine.done(&["clients", "show", "reports"]);
    assert!(told.starts_with("reports\tclient_credentials\t") && !told.contains(secret), "{told}");
    assert!(told.contains("\ngrant_types: client_credentials\n") && told.contains("\nclient_name: Ada's\n"));
    let rotated = machine.done(&["clients", "rotate-secret", "reports"]);
    assert!(
        rotated.starts_with("client_id: reports\nclient_secret: ") && !rotated.contains(secret),
        "{rotated}"
    );
    let shown = machine.json(&["clients", "show", "reports"]);
    let secrets = shown["client_secrets"].as_array().expect("ages");
    assert!(secrets.len() == 2 && secrets[0]["expires_at"].is_null() && secrets[1]["expires_at"].is_string());
    assert_eq!(machine.done(&["clients", "delete", "reports"]), "reports is deleted\n");
    for command in ["show", "rotate-secret", "delete"] {
        machine.refused(&["clients", command, "reports"], &["there is no client reports", "clients list"]);
    }
}

#[test]
fn registers_every_kind_of_client() {
    let machine = Machine::with_database();
    let show = |id: &str| machine.json(&["clients", "show", id]);
    let create = |id: &str, options: &[&str]| {
        machine.json(&[&["clients", "create", "--id", id, "--scope", "openid users:read"], options].concat())
    };
    let web = create("web", &["--redirect-uri", "https://app.example.org/cb", "--dpop"]);
    assert!(web["client_secret"].is_string());
    let web = show("web");
    assert_eq!(web["grant_types"], json!(["authorization_code", "refresh_token"]));
    assert_eq!(
        (&web["token_endpoint_auth_method"], &web["dpop_bound_access_tokens"]),
        (&json!("client_secret_basic"), &json!(true))
    );

    let native =
        ["--public", "--redirect-uri", "org.example.app:/cb", "--redirect-uri", "http://127.0.0.1/cb"];
    let after = ["--post-logout-redirect-uri", "org.example.app:/bye", "--grant", "authorization_code"];
    assert_eq!(create("native", &[&native[..], &after].concat()), json!({ "client_id": "native" }));
    let native = show("native");
    assert_eq!(native["redirect_uris"], json!(["org.example.app:/cb", "http://127.0.0.1/cb"]));
    assert_eq!(native["post_logout_redirect_uris"], json!(["org.example.app:/bye"]));
    assert_eq!(
        (&native["token_endpoint_auth_method"], &native["client_secrets"]),
        (&json!("none"), &json!([]))
    );
    machine.refused(&["clients", "rotate-secret", "native"], &["authenticates by none and has no secret"]);

    let keys = machine.path().join("keys.json");
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    std::fs::write(&keys, json!({ "keys": [jwk] }).to_string()).expect("a file");
    let keys = keys.to_str().expect("UTF-8");
    assert_eq!(create("signer", &["--jwks", keys]), json!({ "client_id": "signer" }));
    let signer = show("signer");
    assert_eq!(
        (&signer["token_endpoint_auth_method"], &signer["jwks"]["keys"][0]),
        (&json!("private_key_jwt"), &jwk)
    );
    assert!(machine.done(&["clients", "show", "signer"]).contains("\njwks: {\"keys\":["));
}

#[test]
fn refusal_of_a_client_names_every_broken_rule() {
    let machine = Machine::new();
    let create = |options: &[&'static str]| -> Vec<&'static str> {
        [&["clients", "create", "--id", "a", "--scope", "users:read"], options].concat()
    };
    let ran =
        machine.run(&create(&["--public", "--grant", "client_credentials", "--grant", "refresh_token"]));
    let told: Vec<&str> = ran.err.lines().collect();
    assert!(ran.code == Some(1) && told.len() == 2, "{ran:?}");
    assert!(told[0].contains("--grant: refresh_token is possible only with authorization_code"), "{ran:?}");
    assert!(told[1].contains("--grant: client_credentials is not possible for a public client"), "{ran:?}");
    machine
        .refused(&create(&["--grant", "authorization_code"]), &["--redirect-uri: authorization_code needs"]);
    machine.refused(
        &create(&["--redirect-uri", "org.example.app:/cb"]),
        &["--redirect-uri: only a public client"],
    );
    machine.refused(&create(&["--auth-method", "private_key_jwt"]), &["--jwks: private_key_jwt requires"]);
    machine.refused(&create(&["--jwks", "/nowhere/keys.json"]), &["/nowhere/keys.json: "]);
    machine.misused(&create(&["--redirect-uri", "http://app.example.org/cb"]), "must be https");
    machine.misused(&create(&["--public", "--auth-method", "none"]), "cannot be used with");
    machine.misused(&["clients", "rotate-secret", "a", "--keep-old", "31d"], "to 30days");
    assert_eq!(machine.files(), 0);
}
