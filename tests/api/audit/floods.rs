//! Floods of refusals: each caller has a budget of lines, and what exceeds it is counted under its name.

use serde_json::{Value, json};

use super::events;
use crate::support::{PASSWORD, Person, Server, eventually, on_both_engines};

/// Burst of a user's budget.
const BURST: i64 = 500;

/// Sends this many refused requests over four connections.
fn flood(server: &Server, by: &Person, at: &Person, count: i64) {
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..count / 4 {
                    server.get(&at.path()).bearer(&by.token).send().expect(403);
                }
            });
        }
    });
}

fn count_lines(server: &Server, token: &str, of: &Person) -> Vec<Value> {
    let path = format!("/audit?outcome=overflow&actor=user:{}", of.id);
    server.get(&path).bearer(token).send().expect(200).json()["items"].as_array().cloned().unwrap()
}

/// Returns the number of refusals that the table counts.
fn db_refusals(server: &Server) -> i64 {
    server.db_number("SELECT CAST(COALESCE(SUM(count), 0) AS BIGINT) AS total FROM audit WHERE outcome IN ('refused', 'overflow')",
    )
}

on_both_engines! {
    fn flood_of_refusals_drops_nothing_of_others(server) {
        let (eve, bob) = (server.register("eve"), server.register("bob"));
        let support = server.person_with_roles("support", &["support"]);
        let kim = server.register("kim");
        let path = format!("{}/profile", bob.path());
        std::thread::scope(|scope| {
            scope.spawn(|| flood(&server, &eve, &bob, 2_000));
            for _ in 0..60 {
                server.get(&path).bearer(&support.token).send().expect(200);
                server.get(&bob.path()).bearer(&kim.token).send().expect(403);
            }
        });
        let of = |actor: &Person, action: &str, outcome: &str| {
            let lines = server.get(&format!("/audit?actor=user:{}&action={action}&outcome={outcome}&limit=200", actor.id));
            lines.bearer(&support.token).send().expect(200).json()["items"].as_array().unwrap().len()
        };
        assert_eq!(of(&support, "read", "done"), 60);
        assert_eq!(of(&kim, "read", "refused"), 60);
        server.post("/sessions").json(&json!({ "email": bob.email, "password": PASSWORD })).send().expect(200);
    }

    fn dropped_refusals_are_counted_under_their_caller(server) {
        let (eve, bob, root) = (server.register("eve"), server.register("bob"), server.admin());
        let count = BURST + 700;
        flood(&server, &eve, &bob, count);
        eventually("all refusals are counted", || {
            count_lines(&server, &root.token, &eve);
            db_refusals(&server) == count
        });
        let counts = count_lines(&server, &root.token, &eve);
        // The budget refills meanwhile, by one line a second.
        assert!((1..60).contains(&counts.len()), "{counts:?}");
        for line in &counts {
            assert_eq!((&line["action"], &line["owner"], &line["address"]), (&json!("refuse"), &json!(eve.id), &json!("127.0.0.1")));
            let time = |name: &str| line[name].as_str().unwrap().to_owned();
            assert!(time("first_at") <= time("last_at") && time("last_at") <= time("at"), "{line}");
        }
        // The caller finds them in its own trail, and the owner of the record does not.
        assert_eq!(events(&server, &eve, |line| line["outcome"] == "overflow").len(), counts.len());
        assert!(events(&server, &bob, |line| line["outcome"] == "overflow").is_empty());
        let lines = server.db_number("SELECT COUNT(*) AS total FROM audit WHERE outcome = 'refused'");
        assert!((BURST..BURST + 60).contains(&lines), "{lines}");
    }

    fn end_of_the_server_writes_the_counts(server) {
        let (eve, bob) = (server.register("eve"), server.register("bob"));
        flood(&server, &eve, &bob, BURST + 200);
        let server = server.restart();
        assert_eq!(db_refusals(&server), BURST + 200);
    }
}

on_both_engines! {
    fn flood_of_forged_tokens_is_counted_in_few_lines(engine: Engine) {
        let server = Server::start_with(engine, &[("CLOAKROOM_RATE_LIMITS", "off")]);
        let (ada, root) = (server.register("ada"), server.admin());
        let flood = 600;
        for number in 0..flood {
            server.get("/users/me").bearer(&format!("{}{number}", ada.token)).send().expect(401);
        }
        // A flood of forged tokens hides no failed login from the same network.
        let guess = json!({ "email": ada.email, "password": "not this one, surely" });
        server.post("/sessions").json(&guess).send().expect(401);
        assert_eq!(events(&server, &ada, |line| line["reason"] == "wrong-password").len(), 1);
        eventually("all refusals are counted", || {
            server.get("/audit?limit=1").bearer(&root.token).send().expect(200);
            db_refusals(&server) == flood + 1
        });
        let written = server.db_number("SELECT COUNT(*) AS total FROM audit WHERE action = 'authenticate'");
        assert!((300..400).contains(&written), "{written} of {flood}");
    }
}
