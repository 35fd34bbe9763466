//! `POST /clients/{id}/secret`: a secret is shown once, and two are valid during a rotation.

use chrono::TimeDelta;

use super::*;

fn rotate(server: &Server, token: &str, id: &str, body: Option<Value>) -> Answer {
    let request = server.post(&format!("/clients/{id}/secret")).bearer(token);
    match body {
        Some(body) => request.json(&body).send(),
        None => request.send(),
    }
}

fn registered(server: &Server, token: &str) -> String {
    let body = json!({ "client_id": "reports", "scope": "users:read:any" });
    secret_of(&register(server, token, &body).expect(201))
}

on_both_engines! {
    fn secret_is_shown_once_and_never_stored(server) {
        let admin = server.admin();
        let first = registered(&server, &admin.token);
        let rotated = rotate(&server, &admin.token, "reports", None).expect(200);
        let second = secret_of(&rotated);
        assert!(first.len() == 43 && second.len() == 43 && first != second);
        assert!(!rotated.body.contains(&first));
        for answer in [
            server.get("/clients/reports").bearer(&admin.token).send().expect(200),
            server.get("/clients").bearer(&admin.token).send().expect(200),
            server.patch("/clients/reports").bearer(&admin.token).if_match("*").json(&json!({ "client_name": "x" })).send().expect(200),
        ] {
            assert!(!answer.body.contains(&first) && !answer.body.contains(&second), "{answer:?}");
            assert!(!answer.body.contains("\"client_secret\"") && !answer.body.contains("hash"), "{answer:?}");
        }
        let kept = server.db_everything();
        assert!(kept.contains("reports") && kept.contains("rotate_secret"), "the dump contains the client and the event");
        assert!(!kept.contains(&first) && !kept.contains(&second));
    }

    fn rotation_keeps_two_secrets_valid(server) {
        let admin = server.admin();
        let first = registered(&server, &admin.token);
        let second = rotate(&server, &admin.token, "reports", None).expect(200);
        let ages = second.json()["client_secrets"].as_array().cloned().unwrap();
        assert!(ages.len() == 2 && ages[0]["expires_at"].is_null() && ages[1]["expires_at"].is_string(), "{ages:?}");
        assert_eq!(second.etag(), etag(&server, &admin.token, "reports"));
        let second = secret_of(&second);
        for good in [&first, &second] {
            ask_token(&server, "reports", good).expect(200);
        }
        let third = secret_of(&rotate(&server, &admin.token, "reports", Some(json!({ "old_expires_in": 60.0 }))).expect(200));
        ask_token(&server, "reports", &first).expect(401);
        for good in [&second, &third] {
            ask_token(&server, "reports", good).expect(200);
        }
        let fourth = secret_of(&rotate(&server, &admin.token, "reports", Some(json!({ "old_expires_in": 0 }))).expect(200));
        for ended in [&second, &third] {
            ask_token(&server, "reports", ended).expect(401);
        }
        ask_token(&server, "reports", &fourth).expect(200);
    }

    fn concurrent_rotations_leave_two_secrets(server) {
        let admin = server.admin();
        registered(&server, &admin.token);
        let (server, token) = (&server, admin.token.as_str());
        let secrets: Vec<String> = std::thread::scope(|scope| {
            let tries: Vec<_> = (0..10).map(|_| scope.spawn(move || rotate(server, token, "reports", None).expect(200))).collect();
            tries.into_iter().map(|tried| secret_of(&tried.join().unwrap())).collect()
        });
        let good = secrets.iter().filter(|secret| ask_token(server, "reports", secret).status == 200).count();
        assert_eq!(good, 2);
    }

    fn rotation_checks_body_scope_and_version(server) {
        let admin = server.admin();
        let secret = registered(&server, &admin.token);
        for body in [json!({ "old_expires_in": -1 }), json!({ "old_expires_in": 2_592_001 }), json!({ "old_expires_in": "1h" }), json!({ "old_expires_in": 1.5 })] {
            let refused = rotate(&server, &admin.token, "reports", Some(body)).expect_problem(422, "invalid-body");
            assert_eq!(refused.broken_rules(), [("/old_expires_in".to_owned(), "out-of-range".to_owned())]);
        }
        let unknown = rotate(&server, &admin.token, "reports", Some(json!({ "client_secret": "mine" }))).expect_problem(422, "invalid-body");
        assert_eq!(unknown.broken_rules(), [("/client_secret".to_owned(), "unknown".to_owned())]);
        let post = || server.post("/clients/reports/secret").bearer(&admin.token);
        post().body("text/plain", "{}").send().expect_problem(415, "unsupported-media-type");
        post().body("application/json", "{").send().expect_problem(400, "malformed-body");
        post().if_match("\"7-x\"").send().expect_problem(412, "precondition-failed");
        rotate(&server, &admin.token, "nobody", None).expect_problem(404, "not-found");
        // None of these requests changed the secrets.
        let read = server.get("/clients/reports").bearer(&admin.token).send().expect(200).json();
        assert_eq!(read["client_secrets"].as_array().unwrap().len(), 1);
        ask_token(&server, "reports", &secret).expect(200);
    }
}

on_both_engines! {
    fn old_secret_expires_at_the_given_time(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &[]);
        let clerk = server.client_token("clerk", "clients:read clients:write users:read:any");
        let old = registered(&server, &clerk);
        let new = secret_of(&rotate(&server, &clerk, "reports", Some(json!({ "old_expires_in": 3_600 }))).expect(200));
        server.clock.advance(TimeDelta::seconds(3_599));
        ask_token(&server, "reports", &old).expect(200);
        server.clock.advance(TimeDelta::seconds(1));
        ask_token(&server, "reports", &old).expect(401);
        ask_token(&server, "reports", &new).expect(200);
        let shown: Value = serde_json::from_str(&server.operator(&["clients", "show", "reports", "--json"])).unwrap();
        assert_eq!(shown["client_secrets"][0]["expires_at"], Value::Null);
    }

    fn old_secret_is_valid_for_a_day_by_default(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &[]);
        let clerk = server.client_token("clerk", "clients:write users:read:any");
        let old = registered(&server, &clerk);
        rotate(&server, &clerk, "reports", Some(json!({}))).expect(200);
        server.clock.advance(TimeDelta::hours(24) - TimeDelta::seconds(1));
        ask_token(&server, "reports", &old).expect(200);
        server.clock.advance(TimeDelta::seconds(1));
        ask_token(&server, "reports", &old).expect(401);
    }
}
