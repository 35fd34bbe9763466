//! Order of the checks: token, scope, owner, record, body, precondition.

use serde_json::json;

use crate::support::on_both_engines;

const UNKNOWN_USER: &str = "/users/01890000-0000-7000-8000-000000000000";

on_both_engines! {
    fn missing_token_is_reported_first(server) {
        let answer = server.patch(UNKNOWN_USER).body("text/plain", "{").send().expect_problem(401, "unauthenticated");
        let challenge = answer.header("www-authenticate").unwrap();
        assert_eq!(challenge, format!("Bearer resource_metadata=\"{}/.well-known/oauth-protected-resource\"", server.url));
        for scheme in ["Basic YTpi", "Digest x", "bearertoken"] {
            server.get("/users/me").header("authorization", scheme).send().expect_problem(401, "unauthenticated");
        }
    }

    fn invalid_token_is_reported_next(server) {
        for token in ["", "x", "a.b.c", "Bearer x"] {
            let answer = server.patch(UNKNOWN_USER).bearer(token).body("text/plain", "{").send().expect_problem(401, "invalid-token");
            assert!(answer.header("www-authenticate").unwrap().contains("error=\"invalid_token\""));
        }
        let ada = server.register("ada");
        server.get("/users/me").header("authorization", &format!("bEARER {}", ada.token)).send().expect(200);
        let admin = server.admin();
        for two in [server.get("/users/me?access_token=x").bearer(&ada.token), server.get("/users/me").bearer(&ada.token).bearer(&admin.token)] {
            let answer = two.send().expect_problem(400, "two-tokens");
            assert!(answer.header("www-authenticate").unwrap().contains("error=\"invalid_request\""));
        }
        server.get(&format!("/users/me?access_token={}", ada.token)).send().expect_problem(401, "unauthenticated");
    }

    fn scope_precedes_owner_and_body(server) {
        let ada = server.register("ada");
        let reader = server.log_in_for(&ada.email, Some("users:read"));
        for path in ["/users/me", UNKNOWN_USER, "/users/nonsense"] {
            let answer = server.patch(path).bearer(&reader).body("text/plain", "{").send();
            let answer = answer.expect_problem(403, "insufficient-scope");
            let challenge = answer.header("www-authenticate").unwrap();
            assert!(challenge.contains("error=\"insufficient_scope\", scope=\"users:write\""), "{challenge}");
            assert!(answer.json()["decision_id"].is_string());
        }
    }

    fn owner_precedes_record_and_body(server) {
        let (ada, grace) = (server.register("ada"), server.register("grace"));
        let paths = [grace.path(), UNKNOWN_USER.to_owned(), "/users/nonsense".to_owned(), "/users/%00".to_owned()];
        let answers: Vec<_> = paths
            .iter()
            .map(|path| {
                let request = server.patch(path).bearer(&ada.token).header("x-request-id", "same").body("text/plain", "{");
                let answer = request.send().expect_problem(403, "not-owner");
                assert_eq!(answer.header("www-authenticate"), None);
                let mut body = answer.json();
                body["decision_id"] = "".into();
                body["instance"] = "".into();
                let mut headers = answer.headers.clone();
                headers.retain(|(name, _)| name != "date" && name != "content-length");
                headers.sort();
                (body, headers)
            })
            .collect();
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    }

    fn record_precedes_body(server) {
        let admin = server.admin();
        for path in [UNKNOWN_USER, "/users/nonsense"] {
            server.patch(path).bearer(&admin.token).body("text/plain", "{").send().expect_problem(404, "not-found");
            server.get(&format!("{path}/profile")).bearer(&admin.token).send().expect_problem(404, "not-found");
        }
    }

    fn body_precedes_precondition(server) {
        let ada = server.register("ada");
        let patch = || server.patch("/users/me").bearer(&ada.token);
        patch().body("text/plain", "{}").send().expect_problem(415, "unsupported-media-type");
        patch().json(&json!({ "email": "no" })).send().expect_problem(422, "invalid-body");
        patch().json(&json!({})).send().expect_problem(428, "precondition-required");
        patch().if_match("\"9-0000000000000000\"").json(&json!({})).send().expect_problem(412, "precondition-failed");
    }

    fn client_has_no_own_record(server) {
        let client = server.client_token("reports", "users:read:any users:read");
        server.get("/users/me").bearer(&client).send().expect_problem(403, "not-owner");
        let weak = server.client_token("weak", "users:read");
        let ada = server.register("ada");
        server.get(&ada.path()).bearer(&weak).send().expect_problem(403, "not-owner");
        server.get(&ada.path()).bearer(&client).send().expect(200);
    }

    fn closed_registration_needs_the_scope(server) {
        let server = crate::support::Server::start_with(server.engine, &[("CLOAKROOM_REGISTRATION", "closed")]);
        let body = json!({ "email": "ada@example.com", "password": "a most unusual passphrase" });
        let refused = server.post("/users").json(&body).send().expect_problem(401, "registration-closed");
        assert!(refused.header("www-authenticate").is_some_and(|challenge| !challenge.contains("error=")));
        server.post("/users").bearer("junk").json(&body).send().expect_problem(401, "invalid-token");
        assert_eq!(server.get("/service").send().expect(200).json()["registration"], "closed");
        let weak = server.client_token("weak", "users:read:any");
        server.post("/users").bearer(&weak).json(&body).send().expect_problem(403, "insufficient-scope");
        let maker = server.client_token("maker", "users:create");
        server.post("/users").bearer(&maker).json(&body).send().expect(201);
    }
}
