//! Refresh tokens (RFC 6749 §6, RFC 9700 §4.14.2): rotation, and reuse detection that revokes the family.
//! The last exchange may be repeated until its successor was used.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::{Answer, PASSWORD, Server, on_both_engines};

#[track_caller]
fn refused(answer: Answer) {
    let answer = answer.expect(400);
    assert_eq!(answer.json()["error"], "invalid_grant", "{answer:?}");
}

fn text<'v>(tokens: &'v Value, name: &str) -> &'v str {
    tokens[name].as_str().unwrap_or_else(|| panic!("no {name}: {tokens}"))
}

on_both_engines! {
    fn refresh_rotates_the_token_within_the_session(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read users:write"));
        let mut tokens = app.tokens(&server, &ada, &[("scope", "openid users:read users:write")]);
        let session = crate::support::decoded(text(&tokens, "access_token")).1["sid"].clone();
        for _ in 0..3 {
            let next = app.refresh(&server, text(&tokens, "refresh_token")).expect(200).json();
            assert_ne!(next["refresh_token"], tokens["refresh_token"]);
            assert_eq!(crate::support::decoded(text(&next, "access_token")).1["sid"], session);
            server.get("/users/me").bearer(text(&next, "access_token")).send().expect(200);
            tokens = next;
        }
        // A narrower scope holds for one exchange; the next one has the full scope again.
        let less = app.refresh_for(&server, text(&tokens, "refresh_token"), Some("users:read")).expect(200).json();
        assert_eq!(less["scope"], "users:read");
        let all = app.refresh(&server, text(&less, "refresh_token")).expect(200).json();
        assert_eq!(all["scope"], "openid users:read users:write");
        // A wider scope is refused.
        let more = app.refresh_for(&server, text(&all, "refresh_token"), Some("users:delete")).expect(400);
        assert_eq!(more.json()["error"], "invalid_scope");
        app.refresh(&server, text(&all, "refresh_token")).expect(200);
    }

    fn repeated_refresh_gets_the_same_successor(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read audit:read"));
        let replica = server.replica();
        let first = app.tokens(&server, &ada, &[]);
        let second = app.refresh(&server, text(&first, "refresh_token")).expect(200).json();
        let again = app.refresh(&replica, text(&first, "refresh_token")).expect(200).json();
        assert_eq!(second["refresh_token"], again["refresh_token"]);
        assert_ne!(second["access_token"], again["access_token"]);
        for access in [&second, &again].map(|tokens| text(tokens, "access_token")) {
            server.get("/users/me").bearer(access).send().expect(200);
        }
        let session = crate::support::decoded(text(&again, "access_token")).1["sid"].clone();
        let trail = server.get(&format!("{}/audit?limit=200", ada.path())).bearer(&ada.token).send().expect(200).json();
        let repeated: Vec<&Value> = trail["items"].as_array().expect("items").iter().filter(|entry| entry["reason"] == "repeated").collect();
        assert_eq!(repeated.len(), 1, "{trail}");
        let line = ["action", "outcome", "record", "client_id"].map(|name| &repeated[0][name]);
        assert_eq!(line, [&json!("refresh"), &json!("done"), &session, &json!("photos")]);
        app.refresh(&server, text(&again, "refresh_token")).expect(200);
    }

    fn repetition_evaluates_scope_and_roles_again(server) {
        let (admin, app) = (server.admin(), server.application("photos", "openid users:read users:read:any"));
        let person = server.person_with_roles("demoted", &["user", "support"]);
        let first = app.tokens(&server, &person, &[("scope", "openid users:read users:read:any")]);
        let second = app.refresh(&server, text(&first, "refresh_token")).expect(200).json();
        let less = app.refresh_for(&server, text(&first, "refresh_token"), Some("users:read")).expect(200).json();
        assert_eq!((&less["scope"], &less["refresh_token"]), (&json!("users:read"), &second["refresh_token"]));
        server.put(&format!("{}/roles", person.path())).bearer(&admin.token).json(&json!({ "roles": ["user"] })).send().expect(200);
        let again = app.refresh(&server, text(&first, "refresh_token")).expect(200).json();
        assert_eq!(again["scope"], "openid users:read");
        server.get("/users/me").bearer(text(&again, "access_token")).send().expect(200);
    }

    fn reuse_revokes_the_token_family(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let other = app.tokens(&server, &ada, &[]);
        let first = app.tokens(&server, &ada, &[]);
        let second = app.refresh(&server, text(&first, "refresh_token")).expect(200).json();
        let third = app.refresh(&server, text(&second, "refresh_token")).expect(200).json();
        refused(app.refresh(&server, text(&first, "refresh_token")));
        refused(app.refresh(&server, text(&third, "refresh_token")));
        for tokens in [&first, &second, &third] {
            server.get("/users/me").bearer(text(tokens, "access_token")).send().expect_problem(401, "invalid-token");
        }
        // Another session of the same user at the same client is not affected.
        app.refresh(&server, text(&other, "refresh_token")).expect(200);
    }

    fn refresh_token_is_bound_to_its_client(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let (other, public) = (server.application("prints", "openid users:read"), server.public_application("spa", "openid users:read"));
        let tokens = app.tokens(&server, &ada, &[]);
        let token = text(&tokens, "refresh_token");
        refused(other.refresh(&server, token));
        refused(public.refresh(&server, token));
        let form = [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", "cloakroom")];
        refused(server.post("/oauth/token").form(&form).send());
        for wrong in [&token[1..], &format!("{token}A"), "x", "\0"] {
            refused(app.refresh(&server, wrong));
        }
        app.refresh(&server, token).expect(200);
    }

    fn login_tokens_refresh_without_a_client_secret(server) {
        let ada = server.register("ada");
        let login = server.post("/sessions").json(&json!({ "email": ada.email, "password": PASSWORD })).send().expect(200).json();
        let form = [("grant_type", "refresh_token"), ("refresh_token", text(&login, "refresh_token")), ("client_id", "cloakroom")];
        let next = server.post("/oauth/token").form(&form).send().expect(200).json();
        assert_eq!(next["scope"], login["scope"]);
        server.delete("/sessions/current").bearer(text(&next, "access_token")).send().expect(204);
        let form = [("grant_type", "refresh_token"), ("refresh_token", text(&next, "refresh_token")), ("client_id", "cloakroom")];
        refused(server.post("/oauth/token").form(&form).send());
    }

    fn refresh_checks_user_client_and_scope_again(server) {
        let admin = server.admin();
        let app = server.application("photos", "openid users:read users:read:any");
        let tokens_of = |name: &str| {
            let person = server.person_with_roles(name, &["user", "support"]);
            let tokens = app.tokens(&server, &person, &[("scope", "openid users:read users:read:any")]);
            (person, tokens)
        };
        let (demoted, tokens) = tokens_of("demoted");
        server.put(&format!("{}/roles", demoted.path())).bearer(&admin.token).json(&json!({ "roles": ["user"] })).send().expect(200);
        server.get("/users/me").bearer(text(&tokens, "access_token")).send().expect_problem(401, "invalid-token");
        let next = app.refresh(&server, text(&tokens, "refresh_token"));
        assert_eq!(next.expect(200).json()["scope"], "openid users:read");

        let (suspended, tokens) = tokens_of("suspended");
        let status = |status: &str| server.put(&format!("{}/status", suspended.path())).bearer(&admin.token).json(&json!({ "status": status })).send().expect(200);
        status("suspended");
        refused(app.refresh(&server, text(&tokens, "refresh_token")));

        let (deleted, tokens) = tokens_of("deleted");
        server.delete(&deleted.path()).bearer(&admin.token).send().expect(204);
        refused(app.refresh(&server, text(&tokens, "refresh_token")));

        let (changed, tokens) = tokens_of("changed");
        server.put(&format!("{}/password", changed.path())).bearer(&changed.token).json(&json!({ "current_password": PASSWORD, "new_password": "another unusual passphrase" })).send().expect(204);
        refused(app.refresh(&server, text(&tokens, "refresh_token")));

        let (_, tokens) = tokens_of("narrowed");
        server.patch("/clients/photos").bearer(&admin.token).if_match("*").json(&json!({ "scope": "openid users:read" })).send().expect(200);
        let next = app.refresh(&server, text(&tokens, "refresh_token"));
        assert_eq!(next.expect(200).json()["scope"], "openid users:read");

        let (_, tokens) = tokens_of("removed");
        server.delete("/clients/photos").bearer(&admin.token).if_match("*").send().expect(204);
        let gone = app.refresh(&server, text(&tokens, "refresh_token"));
        assert_eq!(gone.expect(401).json()["error"], "invalid_client");
        server.eventually_refuses(text(&tokens, "access_token"));
    }

    fn concurrent_refreshes_return_one_successor(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let replica = server.replica();
        let tokens = app.tokens(&server, &ada, &[]);
        let token = text(&tokens, "refresh_token");
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let refresh = |server| { let app = &app; scope.spawn(move || app.refresh(server, token)) };
            let threads: Vec<_> = (0..25).flat_map(|_| [refresh(&server), refresh(&replica)]).collect();
            threads.into_iter().map(|thread| thread.join().expect("an answer")).collect()
        });
        let first = answers.iter().find(|answer| answer.status == 200).expect("one wins");
        for answer in &answers {
            assert_eq!((answer.status, &answer.json()["refresh_token"]), (200, &first.json()["refresh_token"]));
        }
        app.refresh(&replica, text(&first.json(), "refresh_token")).expect(200);
        refused(app.refresh(&server, token));
    }

    fn database_holds_no_part_of_a_token(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let first = app.tokens(&server, &ada, &[]);
        let second = app.refresh(&server, text(&first, "refresh_token")).expect(200).json();
        let kept = server.db_everything();
        assert!(kept.contains("photos"));
        for tokens in [&first, &second] {
            for name in ["access_token", "refresh_token", "id_token"] {
                assert!(!kept.contains(text(tokens, name)), "{name}");
            }
        }
    }
}

on_both_engines! {
    fn refresh_can_be_repeated_until_the_successor_is_used(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &[]);
        let (ada, public) = (server.register("ada"), server.public_application("spa", "openid users:read"));
        for app in [&server.application("photos", "openid users:read"), &public] {
            let first = app.tokens(&server, &ada, &[]);
            let second = app.refresh(&server, text(&first, "refresh_token")).expect(200).json();
            server.clock.advance(TimeDelta::days(29));
            let again = app.refresh(&server, text(&first, "refresh_token")).expect(200).json();
            assert_eq!(again["refresh_token"], second["refresh_token"]);
            server.get("/users/me").bearer(text(&again, "access_token")).send().expect(200);
            let third = app.refresh(&server, text(&second, "refresh_token")).expect(200).json();
            refused(app.refresh(&server, text(&first, "refresh_token")));
            for tokens in [&again, &third] {
                server.get("/users/me").bearer(text(tokens, "access_token")).send().expect_problem(401, "invalid-token");
                refused(app.refresh(&server, text(tokens, "refresh_token")));
            }
        }
    }

    fn exchanged_token_can_be_repeated_for_its_lifetime_alone(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &[("CLOAKROOM_REFRESH_TOKEN_TTL", "1h")]);
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let first = app.tokens(&server, &ada, &[]);
        server.clock.advance(TimeDelta::minutes(30));
        let second = app.refresh(&server, text(&first, "refresh_token")).expect(200).json();
        server.clock.advance(TimeDelta::minutes(29));
        app.refresh(&server, text(&first, "refresh_token")).expect(200);
        server.clock.advance(TimeDelta::minutes(1));
        refused(app.refresh(&server, text(&first, "refresh_token")));
        app.refresh(&server, text(&second, "refresh_token")).expect(200);
    }

    fn reuse_with_another_fault_revokes_the_family(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &[]);
        let ada = server.register("ada");
        let apps = [server.application("photos", "openid users:read"), server.public_application("spa", "openid users:read")];
        for app in &apps {
            for fault in [
                ("scope", "users:delete"), ("scope", "unknown"), ("scope", "not\ta list"),
                ("resource", "https://unknown.example.org"), ("resource", server.url.as_str()),
            ] {
                let first = app.tokens(&server, &ada, &[]);
                let ask = |token: &str| app.post(&server, "/oauth/token", &[("grant_type", "refresh_token"), ("refresh_token", token), fault]);
                // The fault alone uses no token up, and an exchange may be repeated until its successor is used.
                assert_eq!(ask(text(&first, "refresh_token")).expect(400).json()["error"], format!("invalid_{}", if fault.0 == "scope" { "scope" } else { "target" }));
                let second = app.refresh(&server, text(&first, "refresh_token")).expect(200).json();
                assert_ne!(ask(text(&first, "refresh_token")).expect(400).json()["error"], "invalid_grant");
                let second = app.refresh(&server, text(&second, "refresh_token")).expect(200).json();
                refused(ask(text(&first, "refresh_token")));
                server.get("/users/me").bearer(text(&second, "access_token")).send().expect_problem(401, "invalid-token");
                // The answer is the same when the session has ended.
                refused(ask(text(&first, "refresh_token")));
                refused(app.refresh(&server, text(&second, "refresh_token")));
            }
        }
    }

    fn reuse_by_another_client_revokes_nothing(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &[]);
        let (ada, app, other) = (server.register("ada"), server.application("photos", "openid users:read"), server.public_application("spa", "openid users:read"));
        let first = app.tokens(&server, &ada, &[]);
        let second = app.refresh(&server, text(&first, "refresh_token")).expect(200).json();
        let second = app.refresh(&server, text(&second, "refresh_token")).expect(200).json();
        for scope in [None, Some("users:delete")] {
            refused(other.refresh_for(&server, text(&first, "refresh_token"), scope));
        }
        app.refresh(&server, text(&second, "refresh_token")).expect(200);
    }

    fn refresh_token_and_session_expire(engine: Engine) {
        let settings = [("CLOAKROOM_REFRESH_TOKEN_TTL", "1h"), ("CLOAKROOM_SESSION_TTL", "150m")];
        let server = Server::start_with_standing_clock(engine, &settings);
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let tokens = app.tokens(&server, &ada, &[]);
        server.clock.advance(TimeDelta::minutes(60));
        refused(app.refresh(&server, text(&tokens, "refresh_token")));
        let mut tokens = app.tokens(&server, &ada, &[]);
        for _ in 0..3 {
            server.clock.advance(TimeDelta::minutes(45));
            tokens = app.refresh(&server, text(&tokens, "refresh_token")).expect(200).json();
        }
        server.clock.advance(TimeDelta::minutes(15));
        refused(app.refresh(&server, text(&tokens, "refresh_token")));
    }
}
