//! The trail is at once: a reader on the same replica sees each decision that was made before its request.

use serde_json::{Value, json};

use super::trail;
use crate::support::{Server, on_both_engines};

/// More than one of them would be late if the reader did not wait for the queue.
const TIMES: usize = 60;

fn has(items: &Value, decision: &Value) -> bool {
    items["items"].as_array().unwrap().iter().any(|line| line["decision_id"] == *decision)
}

on_both_engines! {
    fn refusal_is_known_to_each_reader_when_it_is_answered(server) {
        let (ada, bob, root) = (server.register("ada"), server.register("bob"), server.admin());
        for _ in 0..TIMES {
            let refused = || server.get(&bob.path()).bearer(&ada.token).send().expect(403).json()["decision_id"].clone();
            let decision = refused();
            let question = json!({ "decision_id": decision });
            let why = server.post("/authz/explain").bearer(&root.token).json(&question).send().expect(200).json();
            assert_eq!(why["reason"], "not-owner");
            let decision = refused();
            assert!(trail(&server, &bob.id, &bob.token).iter().any(|line| line["decision_id"] == decision));
            let decision = refused();
            let page = server.get("/audit?outcome=refused").bearer(&root.token).send().expect(200).json();
            assert!(has(&page, &decision));
            let decision = refused();
            let stream = server.get("/audit").bearer(&root.token).header("accept", "application/x-ndjson").send().expect(200);
            assert!(stream.body.contains(decision.as_str().unwrap()));
        }
    }

    fn failed_login_is_in_the_trail_when_it_is_answered(server) {
        let ada = server.register("ada");
        let guess = json!({ "email": ada.email, "password": "not this one, surely" });
        for count in 1..=5 {
            server.post("/sessions").json(&guess).send().expect(401);
            let failed = trail(&server, "me", &ada.token).into_iter().filter(|line| line["outcome"] == "refused");
            assert_eq!(failed.count(), count);
        }
    }

    fn concurrent_readers_see_what_came_before_them(server) {
        let (bob, root) = (server.register("bob"), server.admin());
        std::thread::scope(|scope| {
            for name in ["a", "b", "c", "d"] {
                let (server, bob, root) = (&server, &bob, &root);
                scope.spawn(move || {
                    let person = server.register(name);
                    for _ in 0..TIMES / 2 {
                        let refused = server.get(&bob.path()).bearer(&person.token).send().expect(403).json();
                        let question = json!({ "decision_id": refused["decision_id"] });
                        server.post("/authz/explain").bearer(&root.token).json(&question).send().expect(200);
                    }
                });
            }
        });
    }

    fn other_replica_sees_a_refusal_soon(server) {
        let replica: Server = server.replica();
        let (ada, bob) = (server.register("ada"), server.register("bob"));
        let decision = server.get(&bob.path()).bearer(&ada.token).send().expect(403).json()["decision_id"].clone();
        crate::support::eventually("the other replica has the line", || {
            trail(&replica, &bob.id, &bob.token).iter().any(|line| line["decision_id"] == decision)
        });
    }
}
