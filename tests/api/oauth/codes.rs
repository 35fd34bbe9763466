//! Authorization codes (RFC 6749 §4.1.3, RFC 7636): for one client, one use, one minute, and only with the
//! code verifier.

use chrono::TimeDelta;
use serde_json::json;

use crate::support::{Answer, Application, CALLBACK, Server, on_both_engines};

#[track_caller]
fn refused(answer: Answer) {
    let answer = answer.expect(400);
    assert_eq!(answer.json()["error"], "invalid_grant", "{answer:?}");
}

on_both_engines! {
    fn redemption_needs_the_code_verifier(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let public = server.public_application("spa", "openid users:read");
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        for app in [&app, &public] {
            for verifier in ["", challenge, "x", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjX", &"a".repeat(43), &"a".repeat(129)] {
                let code = app.code(&server, &ada, &[]);
                refused(app.redeem_with(&server, &code, &[("code_verifier", verifier)]));
                // A wrong verifier suggests a stolen code: the code is used up.
                refused(app.redeem(&server, &code));
            }
        }
    }

    fn code_is_bound_to_client_and_redirect_uri(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let other = server.application("prints", "openid users:read");
        let code = app.code(&server, &ada, &[]);
        refused(other.redeem(&server, &code));
        app.redeem(&server, &code).expect(200);
        for uri in ["https://app.example.org/cb", "https://evil.example.org/cb", &format!("{CALLBACK}&x=1")] {
            let code = app.code(&server, &ada, &[]);
            refused(app.redeem_with(&server, &code, &[("redirect_uri", uri)]));
        }
        let code = app.code(&server, &ada, &[]);
        let answer = app.redeem_with(&server, &code, &[("redirect_uri", "")]).expect(400);
        assert_eq!(answer.json()["error"], "invalid_request");
    }

    fn refuses_an_altered_code(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let code = app.code(&server, &ada, &[]);
        assert_eq!(code.len(), 43);
        let changed = format!("{}{}", if code.starts_with('A') { 'B' } else { 'A' }, &code[1..]);
        for wrong in [&changed, &code[1..], &code[..42], &format!("{code}A"), &format!("{code}="), &code.to_lowercase(), "x", "\0"] {
            if *wrong != code {
                refused(app.redeem(&server, wrong));
            }
        }
        app.redeem(&server, &code).expect(200);
    }

    fn replayed_code_revokes_its_tokens(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let code = app.code(&server, &ada, &[]);
        let tokens = app.redeem(&server, &code).expect(200).json();
        let (access, refresh) = (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
        server.get("/users/me").bearer(access).send().expect(200);
        refused(app.redeem(&server, &code));
        server.get("/users/me").bearer(access).send().expect_problem(401, "invalid-token");
        refused(app.refresh(&server, refresh));
        // A replay by another client revokes nothing.
        let other = server.application("prints", "openid users:read");
        let code = app.code(&server, &ada, &[]);
        let tokens = app.redeem(&server, &code).expect(200).json();
        refused(other.redeem(&server, &code));
        server.get("/users/me").bearer(tokens["access_token"].as_str().unwrap()).send().expect(200);
    }

    fn replay_with_another_fault_revokes_the_tokens(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let other = format!("{CALLBACK}&x=1");
        for fault in [
            ("redirect_uri", ""), ("redirect_uri", other.as_str()), ("code_verifier", ""), ("code_verifier", "x"),
            ("resource", "https://unknown.example.org"), ("resource", server.url.as_str()), ("scope", "not\ta list"),
        ] {
            let code = app.code(&server, &ada, &[]);
            let tokens = app.redeem(&server, &code).expect(200).json();
            refused(app.redeem_with(&server, &code, &[fault]));
            let access = tokens["access_token"].as_str().unwrap();
            server.get("/users/me").bearer(access).send().expect_problem(401, "invalid-token");
            refused(app.refresh(&server, tokens["refresh_token"].as_str().unwrap()));
        }
    }

    fn faulty_request_leaves_an_unused_code(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let code = app.code(&server, &ada, &[]);
        for (fault, error) in [
            (("redirect_uri", ""), "invalid_request"), (("resource", "https://unknown.example.org"), "invalid_target"), (("scope", "not\ta list"), "invalid_scope"),
        ] {
            let answer = app.redeem_with(&server, &code, &[fault]).expect(400);
            assert_eq!(answer.json()["error"], error);
        }
        app.redeem(&server, &code).expect(200);
    }

    fn stranger_cannot_use_up_a_clients_code(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let (other, public) = (server.application("prints", "openid users:read"), server.public_application("spa", "openid users:read"));
        let code = app.code(&server, &ada, &[]);
        let as_app = |secret: Option<&str>| Application { id: app.id.clone(), secret: secret.map(str::to_owned) };
        let attempts = |code: &str| {
            for (stranger, status) in [(&other, 400), (&public, 400), (&as_app(None), 401), (&as_app(Some("wrong")), 401)] {
                for changes in [&[][..], &[("code_verifier", "x")], &[("redirect_uri", "")], &[("resource", "https://x.example.org")]] {
                    stranger.redeem_with(&server, code, changes).expect(status);
                }
            }
        };
        attempts(&code);
        let tokens = app.redeem(&server, &code).expect(200).json();
        attempts(&code);
        server.get("/users/me").bearer(tokens["access_token"].as_str().unwrap()).send().expect(200);
    }

    fn refuses_a_code_of_a_suspended_or_deleted_user(server) {
        let (ada, eve, admin) = (server.register("ada"), server.register("eve"), server.admin());
        let app = server.application("photos", "openid users:read");
        let (of_ada, of_eve) = (app.code(&server, &ada, &[]), app.code(&server, &eve, &[]));
        server.put(&format!("{}/status", ada.path())).bearer(&admin.token).json(&json!({ "status": "suspended" })).send().expect(200);
        server.delete(&eve.path()).bearer(&eve.token).send().expect(204);
        refused(app.redeem(&server, &of_ada));
        refused(app.redeem(&server, &of_eve));
    }

    fn code_is_redeemed_once_across_replicas(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let replica = server.replica();
        let code = app.code(&server, &ada, &[]);
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let redeem = |server| { let (app, code) = (&app, &code); scope.spawn(move || app.redeem(server, code)) };
            let threads: Vec<_> = (0..25).flat_map(|_| [redeem(&server), redeem(&replica)]).collect();
            threads.into_iter().map(|thread| thread.join().expect("an answer")).collect()
        });
        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
        assert_eq!((won.len(), lost.len()), (1, 49));
        lost.into_iter().for_each(refused);
        // The 49 replays revoke the tokens of the one success, on every replica within a second.
        let access = won[0].json()["access_token"].as_str().unwrap().to_owned();
        for server in [&server, &replica] {
            server.eventually_refuses(&access);
        }
    }

    fn refuses_an_unregistered_grant_type(server) {
        let ada = server.register("ada");
        let app = server.register_application(&json!({ "client_id": "photos", "scope": "openid users:read", "grant_types": ["authorization_code"] }));
        let tokens = app.tokens(&server, &ada, &[]);
        assert_eq!(tokens.get("refresh_token"), None);
        for form in [vec![("grant_type", "client_credentials")], vec![("grant_type", "refresh_token"), ("refresh_token", "x")]] {
            assert_eq!(app.post(&server, "/oauth/token", &form).expect(400).json()["error"], "unauthorized_client");
        }
    }
}

on_both_engines! {
    fn code_expires_after_a_minute(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &[]);
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let (first, second) = (app.code(&server, &ada, &[]), app.code(&server, &ada, &[]));
        server.clock.advance(TimeDelta::seconds(59));
        app.redeem(&server, &first).expect(200);
        server.clock.advance(TimeDelta::seconds(1));
        refused(app.redeem(&server, &second));
    }
}
