//! Erasure: the deletion of an account destroys the key of its personal members in the trail, and nothing of the user
//! is left in clear.

use serde_json::{Value, json};

use super::chain::sealed;
use crate::mail::Mailing;
use crate::support::{Engine, PASSWORD, Person, Server, eventually, on_both_engines};

const NAME: &str = "Augusta Quillfeather";
const ADDRESS: &str = "203.0.113.77";
const DEVICE: &str = "Difference-Engine/7.3";

/// Texts of which none may be left.
const TRACES: [&str; 5] = ["quillfeather", ADDRESS, DEVICE, "newquill", "lostquill"];

const PROXY: [(&str, &str); 1] = [("CLOAKROOM_TRUSTED_PROXIES", "127.0.0.1")];

fn from_afar(request: crate::support::Request) -> crate::support::Request {
    request.header("x-forwarded-for", ADDRESS).header("user-agent", DEVICE)
}

/// Registers a user who leaves traces in each table.
fn traced_user(server: &Server) -> Person {
    let email = "quillfeather@example.com".to_owned();
    let body = json!({ "email": email, "password": PASSWORD, "profile": { "name": NAME } });
    let id = from_afar(server.post("/users")).json(&body).send().expect(201).json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let log_in = |password: &str| {
        from_afar(server.post("/sessions")).json(&json!({ "email": email, "password": password })).send()
    };
    log_in("not this one, surely").expect(401);
    let token = log_in(PASSWORD).expect(200).json()["access_token"].as_str().unwrap().to_owned();
    from_afar(server.get("/users")).bearer(&token).send().expect(403);
    Person { id, email, token }
}

fn trail(server: &Server, token: &str, query: &str) -> Vec<Value> {
    let page = server.get(&format!("/audit?limit=200&{query}")).bearer(token).send().expect(200).json();
    page["items"].as_array().cloned().unwrap()
}

/// Returns the traces that the database has, in text or in binary columns.
fn traces(everything: &str) -> Vec<&'static str> {
    let everything = everything.to_lowercase();
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let is_left = |trace: &&str| {
        let trace = trace.to_lowercase();
        everything.contains(&trace) || everything.contains(&hex(&trace))
    };
    TRACES.into_iter().filter(is_left).collect()
}

on_both_engines! {
    fn nothing_in_clear_is_left_of_a_deleted_user(engine: Engine) {
        let server = Mailing::start_with(engine, &PROXY);
        let support = server.person_with_roles("support", &["support"]);
        for number in 0..12 {
            server.register(&format!("before-{number}"));
        }
        let ada = traced_user(&server);
        for number in 0..12 {
            server.register(&format!("after-{number}"));
        }
        // A mail that was given up, with the answer of the mail server.
        server.mails.reply_to_next("550 5.1.1 <quillfeather@example.com>: no such mailbox");
        server.request_reset(&ada.email).expect(202);
        server.eventually_sent_all();
        // A new address that waits, and the mail to it; a registration of the taken address.
        server.mails.reply_to_next("451 not now");
        let new = json!({ "email": "newquill@example.com" });
        from_afar(server.patch(&ada.path())).bearer(&ada.token).if_match("*").json(&new).send().expect(200);
        // Looks of others.
        server.get("/users?q=quillfeather%40example.com").bearer(&support.token).send().expect(200);
        let path = json!({ "caller": { "user": ada.id }, "method": "GET", "path": "/users/quillfeather@example.com" });
        server.post("/authz/explain").bearer(&support.token).json(&path).send();
        sealed(&server);
        assert!(!traces(&server.db_everything()).is_empty(), "the test sees what is in clear");
        from_afar(server.delete(&ada.path())).bearer(&ada.token).send().expect(204);
        let mut left = Vec::new();
        eventually("no trace is left", || {
            left = traces(&server.db_everything());
            left.is_empty()
        });
        assert_eq!(sealed(&server)["sound"], true);
        assert_eq!(traces(&server.db_everything()), Vec::<&str>::new());
        if engine == Engine::Sqlite {
            let directory = tempfile::tempdir().unwrap();
            let copy = directory.path().join("copy.db");
            server.operator(&["backup", copy.to_str().unwrap()]);
            let copy = std::fs::read(copy).unwrap();
            assert_eq!(traces(&String::from_utf8_lossy(&copy)), Vec::<&str>::new());
        }
    }

    fn members_of_a_deleted_user_are_shown_as_erased(engine: Engine) {
        let server = Server::start_with(engine, &PROXY);
        let support = server.person_with_roles("support", &["support"]);
        let auditor = server.client_token("auditor", "audit:read:any");
        let ada = traced_user(&server);
        server.get(&ada.path()).bearer(&support.token).send().expect(200);
        server.get("/users?email=Quillfeather%40example.com").bearer(&support.token).send().expect(200);
        server.get("/users?email=nobody%40example.com").bearer(&support.token).send().expect(200);
        let queries = || -> Vec<Value> {
            let listed = trail(&server, &auditor, "action=list&resource=user&outcome=done");
            listed.iter().map(|entry| entry["query"].clone()).collect()
        };
        let own = format!("owner={}", ada.id);
        let found = trail(&server, &auditor, &format!("address={ADDRESS}"));
        assert!(found.len() >= 3 && found.iter().all(|entry| entry["address"] == ADDRESS), "{found:?}");
        assert!(trail(&server, &auditor, &own).iter().all(|entry| entry["erased"] == false));
        let known = ["email=[address]", "email=Quillfeather%40example.com"];
        assert_eq!(queries(), known);
        sealed(&server);
        assert_eq!(queries(), known);
        server.get("/users?email=quillfeather%40example.com").bearer(&support.token).send().expect(200);
        // At once, before the duty has sealed the newest entries.
        from_afar(server.delete(&ada.path())).bearer(&ada.token).send().expect(204);
        let shown = || {
            let entries = trail(&server, &auditor, &own);
            let by = |actor: Value| entries.iter().filter(move |entry| entry["actor"] == actor).collect::<Vec<_>>();
            for entry in [by(format!("user:{}", ada.id).into()), by(Value::Null)].concat() {
                assert_eq!(entry["erased"], true, "{entry}");
                assert!(["address", "scope", "route", "query"].iter().all(|name| entry[name].is_null()), "{entry}");
            }
            // One look at the account, and two searches that name it.
            let looks = by(format!("user:{}", support.id).into());
            assert_eq!(looks.len(), 3, "{entries:?}");
            for look in looks {
                assert_eq!((&look["erased"], &look["address"]), (&json!(false), &json!("127.0.0.1")));
            }
            assert!(entries.iter().any(|entry| entry["action"] == "delete"));
            assert_eq!(queries(), ["email=[address]"; 3]);
            assert_eq!(trail(&server, &auditor, &format!("address={ADDRESS}")), Vec::<Value>::new());
        };
        shown();
        assert_eq!(sealed(&server)["sound"], true);
        shown();
    }

    fn another_replica_and_the_command_line_erase_too(engine: Engine) {
        let server = Server::start_with(engine, &PROXY);
        let replica = server.replica_with(&PROXY);
        let auditor = server.client_token("auditor", "audit:read:any");
        let ada = traced_user(&server);
        sealed(&server);
        assert!(!trail(&replica, &auditor, &format!("address={ADDRESS}")).is_empty());
        server.operator(&["users", "delete", &ada.email]);
        for server in [&server, &replica] {
            assert_eq!(trail(server, &auditor, &format!("address={ADDRESS}")), Vec::<Value>::new());
        }
        eventually("no trace is left", || traces(&server.db_everything()).is_empty());
        assert_eq!(server.db_number("SELECT count(*) AS total FROM audit_person_keys"), 0);
        assert_eq!(sealed(&server)["sound"], true);
    }

    fn late_entries_about_a_deleted_user_stay_erased(engine: Engine) {
        let server = Server::start_with(engine, &PROXY);
        let auditor = server.client_token("auditor", "audit:read:any");
        let ada = traced_user(&server);
        // The refusals still wait in memory when the account is deleted.
        for _ in 0..20 {
            from_afar(server.get("/users")).bearer(&ada.token).send().expect(403);
        }
        from_afar(server.delete(&ada.path())).bearer(&ada.token).send().expect(204);
        sealed(&server);
        assert_eq!(trail(&server, &auditor, &format!("address={ADDRESS}")), Vec::<Value>::new());
        assert_eq!(server.db_number("SELECT count(*) AS total FROM audit_person_keys"), 0);
    }

    fn key_of_a_day_is_destroyed_by_the_retention(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &[("CLOAKROOM_AUDIT_RETENTION", "10d")]);
        let guess = json!({ "email": "nobody@example.com", "password": "not this one, surely" });
        server.get("/users/me").bearer("no token").send().expect(401);
        server.post("/sessions").json(&guess).send().expect(401);
        sealed(&server);
        let keys = || server.db_number("SELECT count(*) AS total FROM audit_day_keys");
        assert_eq!(keys(), 1);
        server.clock.advance(chrono::TimeDelta::days(13));
        server.get("/users/me").bearer("no token").send().expect(401);
        eventually("the key of the first day is destroyed", || sealed(&server)["first"] != 1 && keys() == 1);
    }
}
