//! `/test/clock`: the clock can be read, moved and frozen.

use std::time::Duration;

use serde_json::json;

use super::TestServer;

#[test]
fn clock_can_be_moved_and_continues() {
    let server = TestServer::start();
    let alice = server.token("alice");
    server.clock(&json!({ "advance": "11m" })).expect(200);
    assert_eq!(server.me(&alice), 401, "it has expired");
    assert_eq!(server.me(&server.token("alice")), 200);
    let set = server.clock(&json!({ "set": "2030-01-01T00:00:00Z" })).expect(200).json();
    assert!(set["now"].as_str().unwrap().starts_with("2030-01-01T00:00:0"), "{set}");
    let back = server.clock(&json!({ "reset": true })).expect(200).json();
    assert!(!back["now"].as_str().unwrap().starts_with("2030"), "{back}");
    for wrong in [
        json!({}),
        json!({ "advance": "soon" }),
        json!({ "advance": "1m", "reset": true }),
        json!({ "back": 1 }),
        json!({ "reset": true, "set": "2030-01-01T00:00:00Z" }),
        json!({ "advance": "9000y" }),
        json!({ "set": "9999-01-01T00:00:00Z" }),
        json!({ "set": "1969-12-31T23:59:59Z" }),
    ] {
        server.clock(&wrong).expect_problem(422, "invalid-body");
    }
}

#[test]
fn frozen_clock_stands_until_it_is_let_go() {
    let server = TestServer::start();
    let read = || server.request("GET", "/test/clock").send().expect(200).json();
    assert_eq!(read()["frozen"], false);
    let at = json!({ "set": "2031-02-03T04:05:06Z", "freeze": true });
    let frozen = server.clock(&at).expect(200).json();
    assert_eq!(frozen, json!({ "now": "2031-02-03T04:05:06.000Z", "frozen": true }));
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(read(), frozen);
    let moved = server.clock(&json!({ "advance": "1s" })).expect(200).json();
    assert_eq!(moved, json!({ "now": "2031-02-03T04:05:07.000Z", "frozen": true }));
    let alice = server.token("alice");
    assert_eq!(server.me(&alice), 200);
    let let_go = server.clock(&json!({ "freeze": false })).expect(200).json();
    assert_eq!(let_go["frozen"], false);
    std::thread::sleep(Duration::from_millis(20));
    assert_ne!(read()["now"], let_go["now"]);
    server.clock(&json!({ "freeze": true })).expect(200);
    let reset = server.clock(&json!({ "reset": true })).expect(200).json();
    assert_eq!(reset["frozen"], false);
}

#[test]
fn date_and_retry_after_follow_the_clock() {
    let server = TestServer::start_with(&[("CLOAKROOM_RATE_LIMITS", "on")], &[]);
    server.clock(&json!({ "set": "2031-02-03T04:05:06Z", "freeze": true })).expect(200);
    for path in ["/users/me", "/health/live", "/nowhere", "/oauth/authorize"] {
        let answer = server.request("GET", path).send();
        assert_eq!(answer.header("date"), Some("Mon, 03 Feb 2031 04:05:06 GMT"), "{path}");
    }
    let wrong = json!({ "email": "alice@example.com", "password": "wrong" });
    let attempt = || server.request("POST", "/sessions").json(&wrong).send();
    let wait = |refused: &crate::support::Answer| -> u64 {
        refused.header("retry-after").expect("a time to wait").parse().expect("seconds")
    };
    let refused = (0..100).map(|_| attempt()).find(|answer| answer.status == 429).expect("a limit");
    let before = wait(&refused);
    server.clock(&json!({ "advance": "5s" })).expect(200);
    assert_eq!(wait(&attempt()), before - 5);
    server.clock(&json!({ "advance": format!("{}s", before - 5) })).expect(200);
    attempt().expect(401);
}
