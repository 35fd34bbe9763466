//! Users of external issuers: made at the first request, and identified by issuer and subject.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use cloakroom::store::PostgresConnection;
use diesel::Connection as _;
use diesel::connection::SimpleConnection as _;
use serde_json::{Value, json};

use super::{Trust, claims, header, trusting, with};
use crate::support::{Engine, ForeignIssuer, PASSWORD, Postgres, Server, on_both_engines};

/// Starts a server with a running clock. Returns it with its `CLOAKROOM_TRUSTED_ISSUERS`.
fn in_time(engine: Engine, issuer: &ForeignIssuer) -> (Server, String) {
    let trusted = super::trusted(&[(issuer, json!({ "provision": "jit" }))]);
    let settings = [("CLOAKROOM_TRUSTED_ISSUERS", trusted.as_str()), ("CLOAKROOM_AUDIENCE", super::AUDIENCE)];
    (Server::start_with(engine, &settings), trusted)
}

on_both_engines! {
    fn first_request_makes_an_account_and_later_ones_reuse_it(engine: Engine) {
        let trust = Trust::new(engine);
        let made = trust.accepts(&trust.claims()).json();
        assert_eq!((&made["roles"], &made["status"]), (&json!(["user"]), &json!("active")));
        assert_eq!(made["email_verified"], json!(false));
        assert!(made["email"].as_str().unwrap().ends_with("@users.invalid"), "{made}");
        assert_ne!(made["id"], json!("ada"));
        assert_eq!(trust.accepts(&with(&trust.claims(), "jti", json!("another"))).json()["id"], made["id"]);
        assert_ne!(trust.accepts(&with(&trust.claims(), "sub", json!("Ada"))).json()["id"], made["id"]);
        let admin = trust.server.admin();
        let trail = format!("/users/{}/audit", made["id"].as_str().unwrap());
        let trail = trust.server.get(&trail).bearer(&admin.token).send().expect(200).json();
        let is_creation = |entry: &&Value| entry["action"] == "create" && entry["resource"] == "user";
        let made = trail["items"].as_array().unwrap().iter().filter(is_creation);
        assert_eq!(made.count(), 1, "{trail}");
    }

    fn user_is_known_by_the_claim_that_the_operator_names(engine: Engine) {
        let trust = Trust::with(engine, &json!({ "provision": "jit", "subject_claim": "ids.uid" }));
        let claims = |sub: &str, uid: Value| with(&with(&trust.claims(), "sub", json!(sub)), "ids", json!({ "uid": uid }));
        let made = trust.accepts(&claims("ada@example.com", json!("00u5"))).json();
        let renamed = trust.accepts(&claims("countess@example.com", json!("00u5"))).json();
        assert_eq!(renamed["id"], made["id"]);
        let successor = trust.accepts(&claims("ada@example.com", json!("00u6"))).json();
        assert_ne!(successor["id"], made["id"], "the login belongs to another user now");
        for wrong in [json!(null), json!(7), json!(""), json!("a\nb"), json!(["00u5"]), json!("x".repeat(256))] {
            trust.refuses(&claims("ada@example.com", wrong));
        }
        trust.refuses(&with(&trust.claims(), "ids", None));
        trust.refuses(&with(&claims("ada@example.com", json!("00u5")), "sub", None));
        // A client's own token names no user.
        trust.me(&trust.client_claims()).expect_problem(403, "not-owner");
    }

    fn deletion_needs_a_recent_authentication_at_the_issuer(engine: Engine) {
        let trust = Trust::new(engine);
        let (now, old) = (trust.server.clock.now().timestamp(), trust.server.clock.now().timestamp() - 601);
        trust.accepts(&trust.claims());
        let delete = |name, value| {
            let token = trust.token(&with(&trust.claims(), name, value));
            trust.server.delete("/users/me").bearer(&token).send()
        };
        for (name, value) in [("auth_time", json!(old)), ("auth_time", json!("today")), ("iat", json!(old))] {
            delete(name, value).expect_problem(401, "insufficient-user-authentication");
        }
        delete("auth_time", json!(now)).expect(204);
    }

    fn concurrent_first_requests_make_one_account(engine: Engine) {
        let trust = Trust::new(engine);
        let token = trust.token(&with(&with(&trust.claims(), "email", json!("ada@example.com")), "email_verified", json!(true)));
        let ids: BTreeSet<String> = std::thread::scope(|scope| {
            let call = || trust.server.get("/users/me").bearer(&token).send();
            let calls: Vec<_> = (0..50).map(|_| scope.spawn(call)).collect();
            let answers = calls.into_iter().map(|call| call.join().unwrap().expect(200));
            answers.map(|answer| answer.json()["id"].to_string()).collect()
        });
        assert_eq!(ids.len(), 1, "{ids:?}");
        let admin = trust.server.admin();
        let users = trust.server.get("/users").bearer(&admin.token).send().expect(200).json();
        assert_eq!(users["items"].as_array().map(Vec::len), Some(2), "{users}");
    }

    fn suspension_between_head_and_body_prevents_the_change(engine: Engine) {
        let issuer = ForeignIssuer::start();
        let metrics = [("CLOAKROOM_METRICS_LISTEN", "127.0.0.1:0")];
        let server = trusting(engine, &[(&issuer, json!({ "provision": "jit" }))], &metrics);
        let trust = Trust { issuer, server };
        let (made, admin) = (trust.accepts(&trust.claims()).json(), trust.server.admin());
        let path = format!("/users/{}", made["id"].as_str().unwrap());
        let patch = trust.server.patch(&path).bearer(&trust.token(&trust.claims())).if_match("*");
        let begun = trust.server.begin(&patch.json(&json!({ "email": "new@example.com" })));
        let status = trust.server.put(&format!("{path}/status")).bearer(&admin.token);
        status.json(&json!({ "status": "suspended" })).send().expect(200);
        begun.finish().expect_problem(401, "invalid-token");
        let now = trust.server.get(&path).bearer(&admin.token).send().expect(200).json();
        assert_eq!(now["email"], made["email"]);
    }

    fn refuses_unknown_users_without_provisioning(engine: Engine) {
        let trust = Trust::with(engine, &json!({}));
        trust.refuses(&trust.claims());
    }

    fn copies_only_a_verified_and_free_address(engine: Engine) {
        let trust = Trust::new(engine);
        let local = trust.server.register("grace");
        let email = |sub: &str, email: &str, verified| {
            let claims = with(&with(&trust.claims(), "sub", json!(sub)), "email", json!(email));
            trust.accepts(&with(&claims, "email_verified", verified)).json()
        };
        let ada = email("ada", "Ada@Example.com", json!(true));
        assert_eq!((&ada["email"], &ada["email_verified"]), (&json!("Ada@example.com"), &json!(true)));
        for (sub, address, verified) in [
            ("b", "b@example.com", json!(false)),
            ("c", "c@example.com", json!("true")),
            ("d", "GRACE@example.com", json!(true)),
            ("e", "ada@example.com", json!(true)),
            ("f", "no address", json!(true)),
        ] {
            let made = email(sub, address, verified);
            assert!(made["email"].as_str().unwrap().ends_with("@users.invalid"), "{made}");
            assert_eq!(made["email_verified"], json!(false));
            assert_ne!(made["id"], json!(local.id));
            assert_ne!(made["id"], ada["id"]);
        }
    }

    fn first_token_fills_the_profile_once(engine: Engine) {
        let trust = Trust::new(engine);
        let claims = |name: &str| {
            let mut claims = trust.claims();
            claims["scope"] = json!("users:read profiles:read profiles:write");
            for (claim, value) in [
                ("name", json!(name)), ("given_name", json!("Ada")), ("family_name", json!("")),
                ("picture", json!("javascript:alert(1)")), ("locale", json!("en-GB")),
                ("zoneinfo", json!("Europe/Athnes")), ("nickname", json!(["Ada"])), ("bio", json!("not standard")),
            ] {
                claims[claim] = value;
            }
            claims
        };
        let profile = |claims: &Value| {
            let get = trust.server.get("/users/me/profile").bearer(&trust.token(claims));
            get.send().expect(200)
        };
        let first = profile(&claims("Ada Lovelace"));
        let made = first.json();
        assert_eq!((&made["name"], &made["given_name"], &made["locale"]), (&json!("Ada Lovelace"), &json!("Ada"), &json!("en-GB")));
        for left_out in ["family_name", "picture", "zoneinfo", "nickname", "bio"] {
            assert!(made.get(left_out).is_none_or(Value::is_null), "{left_out}: {made}");
        }
        let later = claims("Somebody Else");
        assert_eq!(profile(&later).json()["name"], json!("Ada Lovelace"));
        let patch = trust.server.patch("/users/me/profile").bearer(&trust.token(&later)).if_match(first.etag());
        patch.json(&json!({ "name": "Ada King" })).send().expect(200);
        assert_eq!(profile(&claims("A third")).json()["name"], json!("Ada King"));
    }

    fn placeholder_address_is_never_verified(engine: Engine) {
        let trust = Trust::new(engine);
        let made = trust.accepts(&trust.claims());
        let admin = trust.server.admin();
        let path = format!("/users/{}", made.json()["id"].as_str().unwrap());
        let etag = trust.server.get(&path).bearer(&admin.token).send().expect(200).etag().to_owned();
        let patch = trust.server.patch(&path).bearer(&admin.token).if_match(&etag);
        let changed = patch.json(&json!({ "email_verified": true })).send().expect(200).json();
        assert_eq!(changed["email_verified"], json!(false));
    }

    fn same_subject_of_two_issuers_is_two_users(engine: Engine) {
        let (one, two) = (ForeignIssuer::start(), ForeignIssuer::start());
        let jit = json!({ "provision": "jit" });
        let server = trusting(engine, &[(&one, jit.clone()), (&two, jit)], &[]);
        let id = |issuer: &ForeignIssuer| {
            let token = issuer.key.sign(&header(), &claims(issuer, &server));
            server.get("/users/me").bearer(&token).send().expect(200).json()["id"].clone()
        };
        assert_ne!(id(&one), id(&two));
    }

    fn suspension_refuses_tokens_until_a_new_one(engine: Engine) {
        let trust = Trust::new(engine);
        let id = trust.accepts(&trust.claims()).json()["id"].clone();
        let admin = trust.server.admin();
        let status = |status: &str| {
            let path = format!("/users/{}/status", id.as_str().unwrap());
            trust.server.put(&path).bearer(&admin.token).json(&json!({ "status": status })).send().expect(200);
        };
        let old = trust.claims();
        status("suspended");
        trust.refuses(&old);
        trust.server.clock.advance(TimeDelta::seconds(1));
        trust.refuses(&trust.claims());
        status("active");
        trust.refuses(&old);
        trust.server.clock.advance(TimeDelta::seconds(1));
        assert_eq!(trust.accepts(&trust.claims()).json()["id"], id);
    }

    fn changed_roles_revoke_old_tokens(engine: Engine) {
        let trust = Trust::with(engine, &json!({ "provision": "jit", "scopes": { "staff": "users:read users:read:any" } }));
        let staff = |trust: &Trust| with(&trust.claims(), "scope", json!("staff"));
        let old = staff(&trust);
        let id = trust.accepts(&old).json()["id"].as_str().unwrap().to_owned();
        let admin = trust.server.admin();
        let read_other = |claims: &_| {
            trust.server.get(&admin.path()).bearer(&trust.token(claims)).send()
        };
        // The scope is mapped, but the user's roles do not grant it.
        read_other(&old).expect_problem(403, "not-owner");
        let roles = json!({ "roles": ["support", "user"] });
        trust.server.put(&format!("/users/{id}/roles")).bearer(&admin.token).json(&roles).send().expect(200);
        read_other(&old).expect_problem(401, "invalid-token");
        trust.server.clock.advance(TimeDelta::seconds(1));
        read_other(&staff(&trust)).expect(200);
    }

    fn deleted_user_does_not_return_with_an_old_token(engine: Engine) {
        let trust = Trust::new(engine);
        let old = trust.claims();
        let first = trust.accepts(&old).json()["id"].clone();
        trust.server.delete("/users/me").bearer(&trust.token(&old)).send().expect(204);
        trust.refuses(&old);
        trust.refuses(&with(&trust.claims(), "jti", json!("of the same second")));
        trust.server.clock.advance(TimeDelta::seconds(1));
        let second = trust.accepts(&trust.claims()).json()["id"].clone();
        assert_ne!(first, second, "the second account is new");
        trust.refuses(&old);
        let admin = trust.server.admin();
        let path = format!("/users/{}", first.as_str().unwrap());
        trust.server.get(&path).bearer(&admin.token).send().expect_problem(404, "not-found");
    }

    fn external_user_reaches_only_own_records(engine: Engine) {
        let trust = Trust::new(engine);
        let ada = trust.accepts(&trust.claims());
        let grace = trust.server.register("grace");
        let token = trust.token(&trust.claims());
        let patch = trust.server.patch("/users/me").bearer(&token).if_match(ada.etag());
        let changed = patch.json(&json!({ "email": "ada@example.com" })).send().expect(200).json();
        assert_eq!(changed["email"], json!("ada@example.com"));
        trust.server.get(&grace.path()).bearer(&token).send().expect_problem(403, "not-owner");
        let log_in = json!({ "email": "ada@example.com", "password": PASSWORD });
        trust.server.post("/sessions").json(&log_in).send().expect_problem(401, "invalid-credentials");
    }

    fn replica_learns_of_a_change(engine: Engine) {
        let issuer = ForeignIssuer::start();
        let (here, trusted) = in_time(engine, &issuer);
        let there = here.replica_with(&[("CLOAKROOM_TRUSTED_ISSUERS", &trusted), ("CLOAKROOM_AUDIENCE", super::AUDIENCE)]);
        let admin = here.admin();
        for (sub, ends) in [("ada", "suspended"), ("grace", "deleted")] {
            let token = issuer.key.sign(&header(), &with(&claims(&issuer, &here), "sub", json!(sub)));
            let ask = |server: &Server| server.get("/users/me").bearer(&token).send();
            let id = ask(&here).expect(200).json()["id"].clone();
            assert_eq!(ask(&there).expect(200).json()["id"], id);
            let path = format!("/users/{}", id.as_str().unwrap());
            if ends == "suspended" {
                let status = json!({ "status": ends });
                here.put(&format!("{path}/status")).bearer(&admin.token).json(&status).send().expect(200);
            } else {
                here.delete(&path).bearer(&admin.token).send().expect(204);
            }
            ask(&here).expect_problem(401, "invalid-token");
            there.eventually_refuses(&token);
            ask(&there).expect_problem(401, "invalid-token");
        }
    }

    fn operators_revocation_covers_external_tokens(engine: Engine) {
        let issuer = ForeignIssuer::start();
        let (server, _) = in_time(engine, &issuer);
        for (sub, command) in [("ada", "suspend"), ("grace", "delete"), ("edsger", "set-password")] {
            let token = issuer.key.sign(&header(), &with(&claims(&issuer, &server), "sub", json!(sub)));
            let me = server.get("/users/me").bearer(&token).send().expect(200).json();
            server.operator(&["users", command, me["id"].as_str().unwrap()]);
            server.eventually_refuses(&token);
            // It does not make another account either.
            server.get("/users/me").bearer(&token).send().expect_problem(401, "invalid-token");
        }
    }

    fn external_account_has_no_password(engine: Engine) {
        let trust = Trust::new(engine);
        let named = with(&with(&trust.claims(), "email", json!("ada@example.com")), "email_verified", json!(true));
        let id = trust.accepts(&named).json()["id"].as_str().unwrap().to_owned();
        let token = trust.token(&named);
        for password in ["", PASSWORD] {
            let body = json!({ "email": "ada@example.com", "password": password });
            assert!([401, 422].contains(&trust.server.post("/sessions").json(&body).send().status));
            let body = json!({ "current_password": password, "new_password": "another unusual passphrase" });
            let answer = trust.server.put(&format!("/users/{id}/password")).bearer(&token).json(&body).send().expect(422);
            assert_eq!(answer.broken_rules()[0].0, "/current_password", "{answer:?}");
        }
    }
}

/// A transaction that waited for a lock looks at its caller again. This one has deleted the caller itself.
#[test]
fn own_account_is_deleted_after_a_wait_for_a_lock() {
    if !Postgres::is_available() {
        return;
    }
    let trust = Trust::new(Engine::Postgres);
    let token = trust.token(&trust.claims());
    let ada = trust.accepts(&trust.claims()).json();
    let mut lock = PostgresConnection::establish(&trust.server.database_url).expect("a database");
    let row =
        format!("BEGIN; SELECT id FROM users WHERE id = '{}' FOR UPDATE", ada["id"].as_str().expect("an id"));
    lock.batch_execute(&row).expect("a lock");
    let answer = std::thread::scope(|scope| {
        let deleting = scope.spawn(|| trust.server.delete("/users/me").bearer(&token).send());
        // Longer than the age of a look that a transaction may rely on.
        std::thread::sleep(std::time::Duration::from_millis(700));
        lock.batch_execute("COMMIT").expect("the lock ends");
        deleting.join().expect("an answer")
    });
    answer.expect(204);
}
