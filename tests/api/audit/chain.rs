//! Hash chain of the audit trail: `cloakroom audit verify` detects changes in the database, and the server
//! removes lines beyond their retention.

use serde_json::Value;

use crate::support::{Engine, Server, eventually, on_both_engines};

pub fn verify(server: &Server) -> Value {
    serde_json::from_str(&server.operator(&["audit", "verify", "--json"])).expect("JSON")
}

/// Waits until every line is sealed, and returns the report.
pub fn sealed(server: &Server) -> Value {
    eventually("the trail is sealed", || verify(server)["unsealed"] == 0);
    verify(server)
}

/// Returns the report of a verification that must fail.
pub fn faults(server: &Server, more: &[&str]) -> String {
    let arguments = [&["audit", "verify"], more].concat();
    let told = server.operator_refused(&arguments);
    assert!(told.contains("the audit trail was changed"), "{told}");
    server.operator_output(&arguments)
}

/// Starts a server with a trail of several lines, all sealed.
fn server_with_sealed_trail(engine: Engine) -> (Server, i64) {
    let server = Server::start(engine);
    for name in ["ada", "bob", "eve", "kim"] {
        server.register(name);
    }
    let lines = sealed(&server)["lines"].as_i64().unwrap();
    assert!(lines >= 8, "{lines}");
    (server, lines)
}

on_both_engines! {
    fn unchanged_trail_verifies_against_an_earlier_head(engine: Engine) {
        let (server, lines) = server_with_sealed_trail(engine);
        let before = verify(&server);
        assert_eq!((&before["sound"], &before["first"]), (&Value::Bool(true), &Value::from(1)));
        let head = before["head"].as_str().unwrap();
        assert!(head.starts_with(&format!("{lines}:")), "{head}");
        server.register("lee");
        sealed(&server);
        server.operator(&["audit", "verify", "--anchor", head]);
    }

    fn detects_a_changed_line(engine: Engine) {
        let (server, _) = server_with_sealed_trail(engine);
        server.db_run("UPDATE audit SET actor = 'operator' WHERE position = 3");
        let told = faults(&server, &[]);
        assert!(told.contains("position 3, entry ") && told.contains("the entry was changed"), "{told}");
        assert_eq!(told.matches("wrong ").count(), 1, "{told}");
    }

    fn detects_a_deleted_line_and_seal(engine: Engine) {
        let (server, _) = server_with_sealed_trail(engine);
        server.db_run("DELETE FROM audit WHERE position = 3");
        let told = faults(&server, &[]);
        assert!(told.contains("position 3: the entry was removed"), "{told}");
        server.db_run("DELETE FROM audit_seals WHERE position = 3");
        let told = faults(&server, &[]);
        assert!(told.contains("position 3: the entry and its seal were removed"), "{told}");
    }

    fn detects_swapped_lines(engine: Engine) {
        let (server, _) = server_with_sealed_trail(engine);
        server.db_run("UPDATE audit SET position = -1 WHERE position = 2; UPDATE audit SET position = 2 WHERE position = 4; \
             UPDATE audit SET position = 4 WHERE position = -1",
        );
        let told = faults(&server, &[]);
        assert!(told.contains("position 2, ") && told.contains("position 4, "), "{told}");
        assert_eq!(told.matches("wrong ").count(), 2, "{told}");
    }

    fn detects_an_inserted_line(engine: Engine) {
        let (server, _) = server_with_sealed_trail(engine);
        server.db_run("INSERT INTO audit (id, at, outcome, action, resource, count, position) \
             SELECT owner_id, at, outcome, action, resource, count, 1000 FROM audit WHERE owner_id IS NOT NULL LIMIT 1",
        );
        let told = faults(&server, &[]);
        assert!(told.contains("position 1000, entry ") && told.contains("without a seal"), "{told}");
    }

    fn detects_a_cut_at_either_end(engine: Engine) {
        let (server, lines) = server_with_sealed_trail(engine);
        let head = verify(&server)["head"].as_str().unwrap().to_owned();
        server.db_run(&format!("DELETE FROM audit WHERE position = {lines}; DELETE FROM audit_seals WHERE position = {lines}"));
        // The remaining chain is valid on its own; only a head stored elsewhere shows the cut.
        assert_eq!(verify(&server)["sound"], true);
        let told = faults(&server, &["--anchor", &head]);
        assert!(told.contains("its last entries were removed"), "{told}");
        server.db_run("DELETE FROM audit WHERE position <= 2; DELETE FROM audit_seals WHERE position < 2");
        let told = faults(&server, &[]);
        assert!(told.contains("position 2: earlier entries were removed"), "{told}");
    }

    fn anchor_detects_a_rebuilt_chain(engine: Engine) {
        let (server, lines) = server_with_sealed_trail(engine);
        let head = verify(&server)["head"].as_str().unwrap().to_owned();
        server.db_run("UPDATE audit SET position = NULL, actor = 'operator' WHERE position > 3; DELETE FROM audit_seals WHERE position > 3");
        assert_eq!(sealed(&server)["lines"], lines);
        let told = faults(&server, &["--anchor", &head]);
        assert!(told.contains("the chain was rebuilt"), "{told}");
        let nonsense = server.operator_refused(&["audit", "verify", "--anchor", "5:xyz"]);
        assert!(nonsense.contains("POSITION:SEAL"), "{nonsense}");
    }

    fn replicas_seal_each_line_once(engine: Engine) {
        let server = Server::start(engine);
        let replica = server.replica();
        let support = server.person_with_roles("support", &["support"]);
        std::thread::scope(|scope| {
            for (number, server) in [&server, &replica, &server, &replica].into_iter().enumerate() {
                let support = &support;
                scope.spawn(move || {
                    for person in 0..10 {
                        let person = server.register(&format!("person-{number}-{person}"));
                        server.get(&person.path()).bearer(&support.token).send().expect(200);
                        server.get(&support.path()).bearer(&person.token).send().expect(403);
                    }
                });
            }
        });
        // A refusal of the other replica is in the trail within a second.
        eventually("all lines are sealed", || sealed(&server)["lines"].as_i64().unwrap() >= 162);
        let trail = sealed(&server);
        // Four lines per user: an account, a login, a read by support and a refusal. Two of support.
        assert!(trail["lines"].as_i64().unwrap() >= 162, "{trail}");
        assert_eq!(trail["sound"], true, "{trail}");
    }

    fn retention_removes_old_lines_and_keeps_the_chain_valid(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &[("CLOAKROOM_AUDIT_RETENTION", "10d")]);
        server.register("ada");
        let lines = sealed(&server)["lines"].as_i64().unwrap();
        server.clock.advance(chrono::TimeDelta::days(11));
        let bob = server.register("bob");
        eventually("the old lines are removed", || verify(&server)["first"] == lines + 1);
        assert_eq!(sealed(&server)["sound"], true);
        let auditor = server.client_token("auditor", "audit:read:any");
        let everything = server.get("/audit?limit=200").bearer(&auditor).send().expect(200).json();
        let everything = everything["items"].as_array().unwrap();
        let expired: Vec<&Value> = everything.iter().filter(|line| line["action"] == "expire").collect();
        assert_eq!(expired.len(), 1, "{everything:?}");
        assert_eq!((&expired[0]["count"], &expired[0]["actor"]), (&Value::from(lines), &Value::Null));
        assert!(everything.iter().any(|line| line["owner"] == bob.id.as_str()));
        // Without the line that records the removal, the gap is a fault.
        server.db_run("UPDATE audit SET action = 'create' WHERE action = 'expire'");
        assert!(faults(&server, &[]).contains("no entry records that they expired"));
    }
}
