//! `POST /test/fault`: answers that are late, hung, or errors.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::TestServer;
use crate::support::Answer;

fn fault(server: &TestServer, order: &Value) -> Answer {
    server.request("POST", "/test/fault").json(order).send()
}

#[test]
fn next_answers_of_a_route_are_the_error() {
    let server = TestServer::start();
    let alice = server.token("alice");
    let me = || server.request("GET", "/users/me").bearer(&alice).send();
    fault(&server, &json!({ "route": "GET /users/{id}", "status": 503, "times": 2 })).expect(204);
    for _ in 0..2 {
        let answer = me();
        assert_eq!(answer.header("retry-after"), Some("1"));
        answer.expect_problem(503, "unavailable");
    }
    me().expect(200);
    fault(&server, &json!({ "route": "GET /users/{id}", "status": 429 })).expect(204);
    // Another route is untouched.
    server.request("GET", "/users/me/profile").bearer(&alice).send().expect(200);
    let limited = me();
    assert_eq!(limited.header("retry-after"), Some("1"));
    limited.expect_problem(429, "too-many-requests");
    me().expect(200);
    for gateway in [502, 504] {
        fault(&server, &json!({ "route": "GET /users/{id}", "status": gateway })).expect(204);
        let answer = me();
        assert_eq!((answer.status, answer.body.as_str()), (gateway, ""));
    }
    fault(&server, &json!({ "route": "POST /oauth/token", "status": 500 })).expect(204);
    let form = [("grant_type", "client_credentials")];
    let token = server.request("POST", "/oauth/token").form(&form).send().expect(500).json();
    assert_eq!(token["error"], "server_error");
}

#[test]
fn answer_is_late_or_hangs_until_the_fault_is_cleared() {
    let server = TestServer::start();
    let alice = server.token("alice");
    let me = || server.request("GET", "/users/me").bearer(&alice).send();
    fault(&server, &json!({ "route": "GET /users/{id}", "delay": "150ms" })).expect(204);
    let began = Instant::now();
    me().expect(200);
    assert!(began.elapsed() >= Duration::from_millis(150));
    for end in [json!({ "clear": true }), Value::Null] {
        fault(&server, &json!({ "route": "GET /users/{id}", "delay": "forever" })).expect(204);
        std::thread::scope(|scope| {
            let hung = scope.spawn(me);
            std::thread::sleep(Duration::from_millis(100));
            assert!(!hung.is_finished());
            match &end {
                Value::Null => server.request("POST", "/test/reset").send().expect(204),
                order => fault(&server, order).expect(204),
            };
            hung.join().expect("an answer");
        });
    }
}

#[test]
fn reset_ends_every_fault() {
    let server = TestServer::start();
    fault(&server, &json!({ "route": "GET /health/live", "status": 500, "times": 1000 })).expect(204);
    server.request("GET", "/health/live").send().expect(500);
    server.request("POST", "/test/reset").send().expect(204);
    server.request("GET", "/health/live").send().expect(200);
}

#[test]
fn hung_request_does_not_keep_the_server_alive() {
    let mut server = TestServer::start();
    fault(&server, &json!({ "route": "GET /health/live", "delay": "forever" })).expect(204);
    let url = server.url.clone();
    let hung = std::thread::spawn(move || {
        crate::support::Request::new("GET", format!("{url}/health/live")).try_send().is_err()
    });
    std::thread::sleep(Duration::from_millis(100));
    let began = Instant::now();
    let kill = std::process::Command::new("kill").args(["-TERM", &server.child.id().to_string()]).status();
    assert!(kill.unwrap().success() && server.child.wait().is_ok());
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert!(hung.join().unwrap());
}

#[test]
fn unknown_routes_and_values_are_refused() {
    let server = TestServer::start();
    for (order, pointer) in [
        (json!({ "route": "GET /user/{id}", "status": 503 }), "/route"),
        (json!({ "route": "POST /test/reset", "status": 503 }), "/route"),
        (json!({ "route": "GET /users/{id}", "status": 200 }), "/status"),
        (json!({ "route": "GET /users/{id}", "status": "503" }), "/status"),
        (json!({ "route": "GET /users/{id}" }), "/status"),
        (json!({ "route": "GET /users/{id}", "delay": "soon" }), "/delay"),
        (json!({ "route": "GET /users/{id}", "delay": "2h" }), "/delay"),
        (json!({ "route": "GET /users/{id}", "status": 503, "times": 0 }), "/times"),
        (json!({ "route": "GET /users/{id}", "clear": true }), "/clear"),
        (json!({ "status": 503 }), "/route"),
        (json!({ "route": "GET /users/{id}", "status": 503, "path": "/" }), "/path"),
    ] {
        let refused = fault(&server, &order).expect_problem(422, "invalid-body").json();
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{order}");
    }
    let refused = fault(&server, &json!({ "route": "GET /user/{id}", "status": 503 }));
    assert!(refused.body.contains("the nearest is GET /users/{id}"), "{}", refused.body);
}
