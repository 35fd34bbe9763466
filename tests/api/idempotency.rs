//! `Idempotency-Key`: a client that lost the answer to a POST can repeat it, and the server acts once.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::notes;
use crate::support::{Answer, PASSWORD, Request, Server, on_both_engines};

const KEY: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";

fn registration(server: &Server, name: &str) -> Request {
    let body = json!({ "email": format!("{name}@example.com"), "password": PASSWORD });
    server.post("/users").json(&body)
}

fn new_client(server: &Server, token: &str, id: &str) -> Request {
    let body = json!({ "client_id": id, "scope": "users:read:any" });
    server.post("/clients").bearer(token).json(&body)
}

trait Keyed {
    fn keyed(self, key: &str) -> Self;
}

impl Keyed for Request {
    fn keyed(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }
}

/// Checks that the answer equals the first one and is marked as a replay.
fn expect_replay(first: &Answer, again: &Answer) {
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    for name in ["location", "etag", "content-type"] {
        assert_eq!(again.header(name), first.header(name), "{name}");
    }
    assert_eq!(first.header("idempotent-replayed"), None);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_ne!(again.header("x-request-id"), first.header("x-request-id"));
}

on_both_engines! {
    fn repeated_registration_gets_the_first_answer(server) {
        let first = registration(&server, "ada").keyed(KEY).send().expect(201);
        expect_replay(&first, &registration(&server, "ada").keyed(KEY).send());
        // Quotes are not part of the key.
        expect_replay(&first, &registration(&server, "ada").keyed(&format!("\"{KEY}\"")).send());
        registration(&server, "ada").send().expect_problem(409, "email-taken");
        registration(&server, "ada").keyed("another").send().expect_problem(409, "email-taken");
    }

    fn replicas_share_idempotency_keys(server) {
        let first = registration(&server, "ada").keyed(KEY).send().expect(201);
        expect_replay(&first, &registration(&server.replica(), "ada").keyed(KEY).send());
    }

    fn key_of_a_refused_request_can_be_used_again(server) {
        server.register("ada");
        let admin = server.admin();
        registration(&server, "ada").keyed(KEY).send().expect_problem(409, "email-taken");
        server.delete("/users/me").bearer(&server.log_in("ada@example.com")).send().expect(204);
        registration(&server, "ada").keyed(KEY).send().expect(201);
        let nothing = server.post("/clients").bearer(&admin.token).keyed(KEY).json(&json!({}));
        nothing.send().expect_problem(422, "invalid-body");
        new_client(&server, &admin.token, "reports").keyed(KEY).send().expect(201);
    }

    fn replays_a_secret_to_the_same_caller_only(server) {
        let (admin, other) = (server.admin(), server.person_with_roles("other", &["admin"]));
        let first = new_client(&server, &admin.token, "reports").keyed(KEY).send().expect(201);
        expect_replay(&first, &new_client(&server, &admin.token, "reports").keyed(KEY).send());
        let secret = first.json()["client_secret"].as_str().expect("a secret").to_owned();
        assert!(!server.db_everything().contains(&secret), "stored in clear");
        // Keys of two callers are independent.
        new_client(&server, &other.token, "reports").keyed(KEY).send().expect_problem(409, "taken");

        let rotate = |token: &str| server.post("/clients/reports/secret").bearer(token).keyed(KEY).send();
        let rotated = rotate(&admin.token).expect(200);
        expect_replay(&rotated, &rotate(&admin.token));
        assert_ne!(rotated.json()["client_secret"], secret.as_str(), "the key is bound to the path");
        let secrets = server.get("/clients/reports").bearer(&admin.token).send().expect(200).json();
        assert_eq!(secrets["client_secrets"].as_array().map(Vec::len), Some(2));
    }

    fn repeated_key_rotation_rotates_once(server) {
        let admin = server.admin();
        let rotate = || server.post("/keys/rotate").bearer(&admin.token).keyed(KEY).send();
        let first = rotate().expect(200);
        expect_replay(&first, &rotate());
        let keys = server.get("/.well-known/jwks.json").send().json();
        assert_eq!(keys["keys"].as_array().map(Vec::len), Some(2));
    }

    fn refuses_a_key_with_another_request(server) {
        let admin = server.admin();
        new_client(&server, &admin.token, "reports").keyed(KEY).send().expect(201);
        new_client(&server, &admin.token, "ledger").keyed(KEY).send().expect_problem(422, "idempotency-key-reused");
        server.get("/clients/ledger").bearer(&admin.token).send().expect(404);
    }

    fn refuses_an_invalid_key(server) {
        for wrong in ["", "\"\"", "two words", &"k".repeat(256), "\"open"] {
            registration(&server, "ada").keyed(wrong).send().expect_problem(400, "invalid-idempotency-key");
        }
        registration(&server, "ada").keyed("one").keyed("two").send().expect_problem(400, "invalid-idempotency-key");
        registration(&server, "ada").keyed(&"k".repeat(255)).send().expect(201);
    }

    fn authorization_precedes_a_replay(server) {
        let admin = server.admin();
        let support = server.person_with_roles("support", &["admin"]);
        new_client(&server, &support.token, "reports").keyed(KEY).send().expect(201);
        let roles = server.put(&format!("{}/roles", support.path()));
        roles.bearer(&admin.token).json(&json!({ "roles": ["support"] })).send().expect(200);
        let token = server.log_in(&support.email);
        new_client(&server, &token, "reports").keyed(KEY).send().expect_problem(403, "insufficient-scope");
        new_client(&server, &support.token, "reports").keyed(KEY).send().expect_problem(401, "invalid-token");
    }

    fn concurrent_requests_run_once_across_replicas(server) {
        let admin = server.admin();
        let replica = server.replica();
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let servers = [&server, &replica];
            let asking: Vec<_> = (0..50).map(|number| {
                let (server, token) = (servers[number % 2], &admin.token);
                scope.spawn(move || new_client(server, token, "reports").keyed(KEY).send())
            }).collect();
            asking.into_iter().map(|one| one.join().expect("an answer")).collect()
        });
        let first = answers.iter().find(|answer| answer.status == 201 && answer.header("idempotent-replayed").is_none());
        let first = first.expect("one is the first");
        for answer in &answers {
            match answer.status {
                201 => assert_eq!(answer.body, first.body),
                409 => {
                    answer.clone().expect_problem(409, "idempotency-key-in-use");
                    assert_eq!(answer.header("retry-after"), Some("1"));
                }
                503 => {}
                _ => panic!("{answer:?}"),
            }
        }
        let firsts = answers.iter().filter(|answer| answer.status == 201 && answer.header("idempotent-replayed").is_none());
        assert_eq!(firsts.count(), 1);
        expect_replay(first, &new_client(&replica, &admin.token, "reports").keyed(KEY).send());
    }

    fn openapi_lists_the_header_where_it_is_accepted(server) {
        let document = server.get("/openapi.json").send().expect(200).json();
        let mut taking = Vec::new();
        for (path, operations) in document["paths"].as_object().expect("paths") {
            for (method, operation) in operations.as_object().expect("operations") {
                let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
                if parameters.iter().any(|parameter: &Value| parameter["name"] == "Idempotency-Key") {
                    taking.push(format!("{method} {path}"));
                }
            }
        }
        taking.sort();
        assert_eq!(taking, ["post /clients", "post /clients/{id}/secret", "post /keys/rotate", "post /users"]);
    }
}

on_both_engines! {
    fn key_expires_after_a_day(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &[]);
        let first = registration(&server, "ada").keyed(KEY).send().expect(201);
        server.clock.advance(TimeDelta::hours(24) - TimeDelta::seconds(1));
        expect_replay(&first, &registration(&server, "ada").keyed(KEY).send());
        server.clock.advance(TimeDelta::seconds(1));
        registration(&server, "ada").keyed(KEY).send().expect_problem(409, "email-taken");
    }

    fn works_for_records_of_an_application(engine: Engine) {
        let server = Server::start_app(engine, notes::app);
        let ada = server.register("ada");
        let write = || {
            let note = json!({ "title": "Milk", "text": "two litres" });
            server.post("/notes").bearer(&ada.token).keyed(KEY).json(&note).send()
        };
        let first = write().expect(201);
        expect_replay(&first, &write());
        let notes = server.get("/notes").bearer(&ada.token).send().expect(200).json();
        assert_eq!(notes["items"].as_array().map(Vec::len), Some(1));
    }
}
