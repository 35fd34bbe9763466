//! `POST /test/baseline` and `POST /test/reset`.

use std::time::{Duration, Instant};

use serde_json::json;

use super::TestServer;

#[test]
fn reset_goes_back_to_the_baseline() {
    let server = TestServer::start();
    let register = |email: &str| {
        let body = json!({ "email": email, "password": "some unusual words, in a row" });
        server.request("POST", "/users").json(&body).send()
    };
    register("before@example.com").expect(201);
    let frozen = json!({ "set": "2031-02-03T04:05:06Z", "freeze": true });
    let frozen = server.clock(&frozen).expect(200).json();
    server.request("POST", "/test/baseline").send().expect(204);
    register("after@example.com").expect(201);
    server.clock(&json!({ "reset": true })).expect(200);
    for _ in 0..2 {
        server.request("POST", "/test/reset").send().expect(204);
        assert_eq!(server.request("GET", "/test/clock").send().json(), frozen);
        register("before@example.com").expect_problem(409, "email-taken");
        register("after@example.com").expect(201);
    }
}

#[test]
fn baseline_has_the_refusals_before_it() {
    let server = TestServer::start();
    let bob = format!("/users/{}", server.user("bob")["id"].as_str().unwrap());
    let refused = server.request("GET", &bob).bearer(&server.token("alice")).send().expect(403).json();
    server.request("POST", "/test/baseline").send().expect(204);
    server.request("POST", "/test/reset").send().expect(204);
    let question = json!({ "decision_id": refused["decision_id"] });
    server
        .request("POST", "/authz/explain")
        .bearer(&server.token("admin"))
        .json(&question)
        .send()
        .expect(200);
}

#[test]
fn reset_takes_any_body() {
    let server = TestServer::start();
    for (media_type, body) in [
        ("application/json", "{}"),
        ("application/json", "[1"),
        ("text/plain", "reset"),
        ("application/x-www-form-urlencoded", "a=b"),
        ("multipart/form-data; boundary=x", "--x--"),
    ] {
        for path in ["/test/reset", "/test/baseline"] {
            let answer = server.request("POST", path).body(media_type, body).send();
            assert_eq!(answer.status, 204, "{path} {media_type}");
        }
    }
}

/// The promise is about 2 ms. The bound here is what a reset may take on a loaded machine, and far below a tick of a
/// background task.
#[test]
fn reset_waits_for_no_background_task() {
    let server = TestServer::start();
    let alice = server.token("alice");
    let bob = format!("/users/{}", server.user("bob")["id"].as_str().unwrap());
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..30 {
        server.request("GET", &bob).bearer(&alice).send();
        let began = Instant::now();
        server.request("POST", "/test/reset").send().expect(204);
        times.push(began.elapsed());
    }
    times.sort();
    assert!(times[15] < Duration::from_millis(50), "{times:?}");
}
