//! `/sessions` and `/users/{id}/sessions`.

use serde_json::json;

use crate::support::{PASSWORD, on_both_engines};

on_both_engines! {
    fn login_returns_a_token_per_rfc_6749_and_rfc_9068(server) {
        let ada = server.register("ada");
        let answer = server.post("/sessions").json(&json!({ "email": " ADA@example.com", "password": PASSWORD })).send().expect(200);
        let token = answer.json();
        assert_eq!(token["token_type"], "Bearer");
        assert_eq!(token["expires_in"], 600);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let (header, claims) = crate::support::decoded(token["access_token"].as_str().unwrap());
        assert_eq!((&header["typ"], &header["alg"]), (&json!("at+jwt"), &json!("ES256")));
        assert_eq!(claims["iss"], server.url);
        assert_eq!(claims["aud"], server.url);
        assert_eq!(claims["sub"], ada.id);
        assert_eq!(claims["client_id"], "cloakroom");
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
        assert!(claims["jti"].is_string() && claims["sid"].is_string());
        assert_eq!(claims["scope"], token["scope"]);
        assert!(!claims["scope"].as_str().unwrap().contains(":any"));
    }

    fn all_other_sessions_end_in_one_request(server) {
        let (ada, admin) = (server.register("ada"), server.admin());
        let (other, app) = (server.log_in(&ada.email), server.application("photos", "openid users:read"));
        let photos = app.tokens(&server, &ada, &[]);
        let path = format!("{}/sessions", ada.path());
        let end = |query: &str, token: &str| server.delete(&format!("{path}{query}")).bearer(token).send();
        for wrong in ["?except=", "?except=all", "?keep=current", "?except=current&except=current"] {
            end(wrong, &ada.token).expect_problem(400, "invalid-query");
        }
        end("?except=current", &ada.token).expect(204);
        let sessions = server.get(&path).bearer(&ada.token).send().expect(200).json();
        assert_eq!(sessions["items"].as_array().unwrap().iter().map(|session| &session["current"]).collect::<Vec<_>>(), [true]);
        let replica = server.replica();
        for token in [&other, photos["access_token"].as_str().unwrap()] {
            server.get("/users/me").bearer(token).send().expect_problem(401, "invalid-token");
            replica.eventually_refuses(token);
        }
        app.refresh(&server, photos["refresh_token"].as_str().unwrap()).expect(400);
        server.get("/users/me").bearer(&ada.token).send().expect(200);
        // The session of an administrator is not the user's.
        end("?except=current", &admin.token).expect(204);
        server.get("/users/me").bearer(&ada.token).send().expect_problem(401, "invalid-token");
        server.get("/users/me").bearer(&admin.token).send().expect(200);
    }

    fn token_has_the_requested_scope_within_the_roles(server) {
        let ada = server.register("ada");
        let log_in = |scope: &str| {
            server.post("/sessions").json(&json!({ "email": ada.email, "password": PASSWORD, "scope": scope })).send()
        };
        assert_eq!(log_in("users:read users:read:any nonsense").expect(200).json()["scope"], "users:read");
        log_in("users:read:any").expect_problem(400, "invalid-scope");
        log_in("bad\tspaces").expect_problem(422, "invalid-body");
        log_in(&"a ".repeat(10_000)).expect_problem(422, "invalid-body");
    }

    fn unknown_address_and_wrong_password_look_alike(server) {
        let (ada, eve) = (server.register("ada"), server.register("eve"));
        let log_in = |email: &str, password: &str| {
            let request = server.post("/sessions").header("x-request-id", "same");
            request.json(&json!({ "email": email, "password": password })).send().expect_problem(401, "invalid-credentials")
        };
        let wrong = log_in(&ada.email, "not the password");
        for body in [json!({ "email": "\0", "password": "x" }), json!({ "email": ada.email, "password": "a\0" })] {
            server.post("/sessions").json(&body).send().expect_problem(422, "invalid-body");
        }
        let left = |answer: &crate::support::Answer| answer.header("ratelimit").map(|left| left.split(";t=").next().map(str::to_owned));
        assert_eq!(left(&log_in("somebody@example.com", "not the password")), left(&wrong));
        for (email, password) in [("nobody@example.com", "not the password"), ("no address", "x"), (&eve.email, "")] {
            let unknown = log_in(email, password);
            assert_eq!(unknown.body, wrong.body);
            let without_date = |answer: &crate::support::Answer| {
                let mut headers = answer.headers.clone();
                headers.retain(|(name, _)| name != "date");
                for (_, left) in headers.iter_mut().filter(|(name, _)| name == "ratelimit") {
                    // Invalid addresses share one rate limit.
                    *left = left.split(";r=").next().unwrap_or_default().to_owned();
                }
                headers.sort();
                headers
            };
            assert_eq!(without_date(&unknown), without_date(&wrong));
        }
    }

    fn logout_ends_only_this_session(server) {
        let ada = server.register("ada");
        let elsewhere = server.log_in(&ada.email);
        server.delete("/sessions/current").bearer(&ada.token).send().expect(204);
        server.get("/users/me").bearer(&ada.token).send().expect_problem(401, "invalid-token");
        server.get("/users/me").bearer(&elsewhere).send().expect(200);
        server.delete("/sessions/current").send().expect_problem(401, "unauthenticated");
    }

    fn user_lists_and_ends_own_sessions(server) {
        let ada = server.register("ada");
        let request = server.post("/sessions").header("user-agent", "Phone/1.0");
        let phone = request.json(&json!({ "email": ada.email, "password": PASSWORD })).send().expect(200);
        let phone = phone.json()["access_token"].as_str().unwrap().to_owned();
        let list = server.get("/users/me/sessions").bearer(&ada.token).send().expect(200).json();
        let sessions = list["items"].as_array().unwrap();
        assert_eq!(sessions.len(), 2);
        let current: Vec<_> = sessions.iter().filter(|session| session["current"] == true).collect();
        assert_eq!(current.len(), 1);
        let other = sessions.iter().find(|session| session["device"] == "Phone/1.0").unwrap();
        assert_eq!(other["address"], "127.0.0.1");
        let path = format!("/users/me/sessions/{}", other["id"].as_str().unwrap());
        server.delete(&path).bearer(&ada.token).send().expect(204);
        server.get("/users/me").bearer(&phone).send().expect_problem(401, "invalid-token");
        server.delete(&path).bearer(&ada.token).send().expect_problem(404, "not-found");
        server.delete("/users/me/sessions/nonsense").bearer(&ada.token).send().expect_problem(404, "not-found");
        server.delete("/users/me/sessions").bearer(&ada.token).send().expect(204);
        server.get("/users/me").bearer(&ada.token).send().expect_problem(401, "invalid-token");
    }

    fn refuses_ending_one_session_of_an_account_above_ones_own(server) {
        let (ada, admin) = (server.register("ada"), server.admin());
        let root = server.person_with_roles("root", &["admin", "user"]);
        let desk = server.client_token("desk", "sessions:read:any sessions:revoke:any");
        let narrow = server.log_in_for(&root.email, Some("sessions:read:any sessions:revoke:any"));
        let session_of = |person: &crate::support::Person| {
            let list = server.get(&format!("{}/sessions", person.path())).bearer(&desk).send().expect(200).json();
            format!("{}/sessions/{}", person.path(), list["items"][0]["id"].as_str().unwrap())
        };
        let (hers, admins) = (session_of(&ada), session_of(&admin));
        for token in [&desk, &narrow] {
            let refused = server.delete(&admins).bearer(token).send().expect_problem(403, "above-caller");
            assert!(refused.json()["detail"].as_str().unwrap().contains("the token does not carry audit:read:any"));
            server.delete(&format!("{}/sessions", admin.path())).bearer(token).send().expect_problem(403, "above-caller");
        }
        server.get("/users/me").bearer(&admin.token).send().expect(200);
        server.delete(&hers).bearer(&desk).send().expect(204);
        server.get("/users/me").bearer(&ada.token).send().expect_problem(401, "invalid-token");
        server.delete(&admins).bearer(&root.token).send().expect(204);
        server.get("/users/me").bearer(&admin.token).send().expect_problem(401, "invalid-token");
    }

    fn refuses_another_users_session_under_own_path(server) {
        let (ada, grace) = (server.register("ada"), server.register("grace"));
        let list = server.get("/users/me/sessions").bearer(&grace.token).send().json();
        let id = list["items"][0]["id"].as_str().unwrap();
        server.delete(&format!("/users/me/sessions/{id}")).bearer(&ada.token).send().expect_problem(404, "not-found");
        let direct = server.delete(&format!("{}/sessions/{id}", grace.path())).bearer(&ada.token).send();
        direct.expect_problem(403, "not-owner");
        server.get("/users/me").bearer(&grace.token).send().expect(200);
    }
}
