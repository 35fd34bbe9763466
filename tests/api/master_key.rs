//! The master key is replaced while servers run, and a lost one is left behind.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::support::{
    Engine, MAIL_TO_LOG, MASTER_KEY, PASSWORD, Person, Server, eventually, free_port, on_both_engines,
};

type Settings<'a> = &'a [(&'a str, &'a str)];

/// The key that replaces the first one.
const NEW: &str = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

const BOTH: Settings = &[("CLOAKROOM_MASTER_KEY", NEW), ("CLOAKROOM_MASTER_KEY_PREVIOUS", MASTER_KEY)];

const NEW_ALONE: Settings = &[("CLOAKROOM_MASTER_KEY", NEW)];

/// A user whose password hash has a sealed key in it (the example of Firebase's own tool).
const IMPORTED: &str = r#"{"email":"imported@example.com","password_hash":"$firebase-scrypt$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ=="}"#;

const PROJECT: &str = "hash_config {\n  algorithm: SCRYPT,\n  base64_signer_key: jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==,\n  base64_salt_separator: Bw==,\n  rounds: 8,\n  mem_cost: 14,\n}\n";

fn state(server: &Server, settings: Settings) -> Value {
    let told = server.operator_with_settings(&["keys", "master", "--json"], settings);
    serde_json::from_str(&told).expect("JSON")
}

fn left(server: &Server, settings: Settings) -> u64 {
    let state = state(server, settings);
    state["left"].as_object().expect("counts").values().map(|count| count.as_u64().expect("a count")).sum()
}

fn verified(server: &Server, settings: Settings) -> Value {
    let told = || server.operator_with_settings(&["audit", "verify", "--json"], settings);
    let report = || serde_json::from_str::<Value>(&told()).expect("JSON");
    eventually("the trail is sealed", || report()["unsealed"] == 0);
    report()
}

/// Copies the one registration this many times.
fn add_registrations(server: &Server, count: u32) {
    let (hash, numbers) = match server.engine {
        Engine::Sqlite => (
            "randomblob(32)",
            format!(
                "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) SELECT i FROM n)"
            ),
        ),
        Engine::Postgres => ("sha256(i::text::bytea)", format!("generate_series(1, {count}) AS n(i)")),
    };
    server.db_run(&format!(
        "INSERT INTO pending_registrations (hash, email_key, sealed, created_at, expires_at) \
         SELECT {hash}, email_key, sealed, created_at, expires_at FROM pending_registrations, {numbers}"
    ));
}

/// Runs the program with these settings on the database of a server. It must fail; returns what it says.
fn refused(server: &Server, arguments: &[&str], settings: Settings) -> String {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_cloakroom"))
        .args(arguments)
        .env_clear()
        .env("DATABASE_URL", &server.database_url)
        .env("CLOAKROOM_LISTEN", "127.0.0.1:0")
        .env("CLOAKROOM_METRICS_LISTEN", "off")
        .envs(settings.iter().copied())
        .output()
        .expect("it runs");
    assert!(!output.status.success(), "{arguments:?} {settings:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Requests that depend on the master key, sent to each replica in turn until `over`. Returns those that failed.
fn load(replicas: [&Server; 2], [ada, grace]: [&Person; 2], over: &AtomicBool) -> Vec<String> {
    let (mut failed, mut round) = (Vec::new(), 0);
    let mut check = |what: &str, status: u16, expected: u16| {
        if status != expected {
            failed.push(format!("{what}: {status}"));
        }
    };
    while !over.load(Ordering::Relaxed) {
        round += 1;
        let [one, other] = if round % 2 == 0 { replicas } else { [replicas[1], replicas[0]] };
        let login = json!({ "email": grace.email, "password": PASSWORD });
        let answer = one.post("/sessions").json(&login).send();
        check("login", answer.status, 200);
        let page = one.get("/users/me/sessions?limit=1").bearer(&ada.token).send();
        check("page", page.status, 200);
        if let Some(cursor) = page.json()["next"].as_str() {
            let next = format!("/users/me/sessions?limit=1&cursor={cursor}");
            check("next page", other.get(&next).bearer(&ada.token).send().status, 200);
        }
        let key = format!("{:p}-{round}", &raw const round);
        let body = json!({ "email": format!("user{}-{round}@example.com", one.address.port()), "password": PASSWORD });
        for (server, replayed) in [(one, None), (other, Some("true"))] {
            let answer = server.post("/users").header("idempotency-key", &key).json(&body).send();
            check("registration", answer.status, 201);
            if answer.header("idempotent-replayed") != replayed {
                check("replay", 0, 1);
            }
        }
    }
    failed
}

on_both_engines! {
    fn master_key_is_replaced_without_a_failed_request(engine: Engine) {
        // No mail server is there, so that a mail waits.
        let nowhere = format!("smtp://127.0.0.1:{}", free_port());
        let settings = [
            ("CLOAKROOM_MAIL_URL", nowhere.as_str()),
            ("CLOAKROOM_MAIL_FROM", "no-reply@example.org"),
            ("CLOAKROOM_ARGON2", "m=7168,t=5,p=1"),
        ];
        let server = Server::start_with(engine, &settings);
        // A user's oldest session ends when too many begin.
        let (ada, grace) = (server.register("ada"), server.register("grace"));
        server.log_in(&ada.email);
        let auditor = server.client_token("auditor", "audit:read:any");
        let dir = tempfile::tempdir().unwrap();
        let project = dir.path().join("project");
        std::fs::write(&project, PROJECT).unwrap();
        server.operator_with_input(&["users", "import", "--firebase-key-file", project.to_str().unwrap(), "-"], IMPORTED);
        server.post("/password-resets").json(&json!({ "email": ada.email })).send().expect(202);
        let head = verified(&server, &[])["head"].as_str().unwrap().to_owned();

        // Each server gets both keys. The old one stays in use.
        let issuer = server.url.clone();
        let issuer = [("CLOAKROOM_ISSUER", issuer.as_str())];
        let both = [&settings, BOTH, &issuer].concat();
        let server = server.restart_with(&both);
        let replica = server.replica_with(&both);
        assert_eq!(state(&server, BOTH)["in_use"], "CLOAKROOM_MASTER_KEY_PREVIOUS");
        let over = AtomicBool::new(false);
        let failed = std::thread::scope(|scope| {
            let loaded = scope.spawn(|| load([&server, &replica], [&ada, &grace], &over));
            std::thread::sleep(std::time::Duration::from_secs(1));
            server.operator_with_settings(&["keys", "reseal"], BOTH);
            std::thread::sleep(std::time::Duration::from_secs(1));
            over.store(true, Ordering::Relaxed);
            loaded.join().expect("answers")
        });
        assert!(failed.is_empty(), "{failed:?}");
        let after = state(&server, BOTH);
        assert_eq!((&after["in_use"], left(&server, BOTH)), (&json!("CLOAKROOM_MASTER_KEY"), 0));
        assert_eq!(after["previous_may_go"], false, "answers are kept for a day: {after}");
        server.db_run("DELETE FROM idempotency_keys");
        eventually("the old key may go", || state(&server, BOTH)["previous_may_go"] == true);

        // The old key goes.
        drop(replica);
        let server = server.restart_with(&[NEW_ALONE, &MAIL_TO_LOG, &issuer, &settings[2..]].concat());
        server.get("/users/me").bearer(&ada.token).send().expect(200);
        server.post("/sessions").json(&json!({ "email": "imported@example.com", "password": "user1password" })).send().expect(200);
        server.db_run("UPDATE outbox SET due_at = created_at");
        eventually("the mail is opened and sent", || server.db_number("SELECT count(*) AS total FROM outbox") == 0);
        let report = verified(&server, NEW_ALONE);
        assert_eq!((&report["sound"], &report["unverifiable"]), (&json!(true), &json!(0)), "{report}");
        server.operator_with_settings(&["audit", "verify", "--anchor", &head], NEW_ALONE);
        // Entries from before and after the change are found by their address, newest first.
        let found = server.get("/audit?address=127.0.0.1&limit=200").bearer(&auditor).send().expect(200).json();
        let times: Vec<&str> = found["items"].as_array().unwrap().iter().map(|entry| entry["at"].as_str().unwrap()).collect();
        let first = server.get("/audit?action=create&resource=user&limit=200").bearer(&auditor).send().expect(200).json();
        let first = first["items"].as_array().unwrap().iter().filter(|entry| entry["address"] == "127.0.0.1").map(|entry| entry["at"].clone()).next_back();
        assert!(times.is_sorted_by(|newer, older| newer >= older), "{times:?}");
        assert_eq!(times.last().map(|at| json!(at)), first);
    }

    fn interrupted_resealing_is_continued_by_the_servers(engine: Engine) {
        let settings = [BOTH, &MAIL_TO_LOG, &[("CLOAKROOM_REGISTRATION", "verified")]].concat();
        let server = Server::start_with(engine, &settings);
        server.post("/users").json(&json!({ "email": "ada@example.com", "password": PASSWORD })).send().expect(202);
        let waits = || server.db_number("SELECT count(*) AS total FROM pending_registrations") == 1;
        eventually("the registration waits", waits);
        add_registrations(&server, 6_000);
        let replica = server.replica_with(BOTH);
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_cloakroom"))
            .args(["keys", "reseal"])
            .env_clear()
            .env("DATABASE_URL", &server.database_url)
            .envs(BOTH.iter().copied())
            .spawn()
            .expect("it starts");
        let switched = || server.db_number("SELECT count(*) AS total FROM master_keys WHERE number = 2") == 1;
        eventually("the new key is in use", switched);
        child.kill().expect("it is killed");
        child.wait().expect("it ends");
        let interrupted = left(&server, BOTH);
        assert!(interrupted > 0, "the kill must come before the end");
        drop(replica);
        eventually("the server has sealed the rest", || left(&server, BOTH) == 0);
        eventually("the database says so", || server.db_number("SELECT count(*) AS total FROM master_keys WHERE resealed_at IS NULL") == 0);
    }

    fn server_without_the_key_in_use_says_what_to_do(engine: Engine) {
        let server = Server::start_with(engine, BOTH);
        let ada = server.register("ada");
        let refused = |settings| refused(&server, &[], settings);
        let old: Settings = &[("CLOAKROOM_MASTER_KEY", MASTER_KEY)];
        let told = refused(NEW_ALONE);
        assert!(told.contains("another master key") && told.contains("CLOAKROOM_MASTER_KEY_PREVIOUS"), "{told}");
        let same = refused(&[("CLOAKROOM_MASTER_KEY", NEW), ("CLOAKROOM_MASTER_KEY_PREVIOUS", NEW)]);
        assert!(same.contains("the same key"), "{same}");
        // A replica with the old key alone notices the change while it runs.
        let replica = server.replica_with(old);
        server.operator_with_settings(&["keys", "reseal"], BOTH);
        let told = refused(old);
        assert!(told.contains("another master key") && told.contains("`keys master`"), "{told}");
        replica.get("/users/me").bearer(&ada.token).send().expect(200);
        let failed = "SELECT count(*) AS total FROM job_leases WHERE name LIKE '%master-key' AND error LIKE '%another master key%'";
        eventually("the duty fails", || server.db_number(failed) == 1);
        server.db_run("UPDATE master_keys SET resealed_at = NULL");
        let told = refused(NEW_ALONE);
        assert!(told.contains("still has values") && told.contains("`keys master`"), "{told}");
    }

    fn lost_master_key_is_replaced_by_a_command(engine: Engine) {
        let mut server = Server::start_with(engine, &[]);
        let (ada, admin) = (server.register("ada"), server.admin());
        eventually("every entry is sealed", || verified(&server, &[])["unsealed"] == 0);
        let before = verified(&server, &[])["lines"].as_u64().unwrap();
        assert!(server.operator_refused(&["keys", "replace-lost-master"]).contains("--yes"));
        assert!(server.operator_refused(&["keys", "replace-lost-master", "--yes"]).contains("not lost"));
        server.get("/users/me").bearer(&ada.token).send().expect(200);
        server.operator_with_settings(&["keys", "replace-lost-master", "--yes"], NEW_ALONE);
        // A server that still runs seals no signing key with the lost master key. It may know already that its tokens ended.
        let rotated = server.post("/keys/rotate").bearer(&admin.token).send().status;
        assert!([401, 500].contains(&rotated), "{rotated}");
        assert_eq!(server.db_number("SELECT count(*) AS total FROM signing_keys"), 0);
        server.stop();
        let server = server.restart_with(NEW_ALONE);
        server.get("/users/me").bearer(&ada.token).send().expect(401);
        let token = server.log_in(&ada.email);
        server.get("/users/me").bearer(&token).send().expect(200);
        let report = verified(&server, NEW_ALONE);
        assert_eq!((&report["sound"], report["unverifiable"].as_u64()), (&json!(true), Some(before)), "{report}");
        let auditor = server.operator_with_settings(&["clients", "create", "--id", "auditor", "--scope", "audit:read:any", "--json"], NEW_ALONE);
        let auditor: Value = serde_json::from_str(&auditor).unwrap();
        let form = [("grant_type", "client_credentials")];
        let auditor = server.post("/oauth/token").basic("auditor", auditor["client_secret"].as_str().unwrap()).form(&form).send();
        let auditor = auditor.expect(200).json()["access_token"].as_str().unwrap().to_owned();
        let entries = server.get("/audit?action=log_in&limit=200").bearer(&auditor).send().expect(200).json();
        let entries = entries["items"].as_array().unwrap();
        assert!(entries.iter().any(|entry| entry["address"].is_null()) && entries[0]["address"] == "127.0.0.1", "{entries:?}");
        // The check covers each entry that the new key sealed.
        server.db_run(&format!("UPDATE audit SET actor = 'operator' WHERE position = {}", before + 1));
        let told = refused(&server, &["audit", "verify"], NEW_ALONE);
        assert!(told.contains("the audit trail was changed"), "{told}");
    }
}
