//! Two servers with separate databases: one issues tokens, and the other stores users and trusts the first by
//! its public keys alone.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::without_authorization_server::{issuing_server, user_service};
use crate::support::{PASSWORD, decoded, on_both_engines};

on_both_engines! {
    fn client_of_one_server_reads_users_of_the_other(engine: Engine) {
        let issues = issuing_server(engine);
        let keeps = user_service(engine, &issues.url, &[]);
        let body = json!({ "email": "grace@example.com", "password": PASSWORD });
        let grace = keeps.post("/users").json(&body).send().expect(201).json();
        let path = format!("/users/{}", grace["id"].as_str().unwrap());
        let client = issues.client_token("reports", "users:read:any users:write:any");
        assert_eq!(keeps.get(&path).bearer(&client).send().expect(200).json()["email"], "grace@example.com");
        keeps.patch(&path).bearer(&client).json(&json!({})).send().expect_problem(403, "insufficient-scope");
        let weak = issues.client_token("stranger", "users:read");
        keeps.get(&path).bearer(&weak).send().expect_problem(403, "not-owner");
        // The first server does not know the users of the second.
        issues.get(&path).bearer(&client).send().expect_problem(404, "not-found");
    }

    fn user_of_one_server_has_an_account_on_the_other(engine: Engine) {
        let issues = issuing_server(engine);
        let keeps = user_service(engine, &issues.url, &[]);
        let ada = issues.register("ada");
        let here = keeps.get("/users/me").bearer(&ada.token).send().expect(200).json();
        assert_ne!(here["id"], json!(ada.id));
        assert_eq!(here["roles"], json!(["user"]));
        assert_eq!(keeps.get("/users/me").bearer(&ada.token).send().expect(200).json()["id"], here["id"]);
        let (signed, signature) = ada.token.rsplit_once('.').unwrap();
        let tampered = format!("{signed}.{}{}", if signature.starts_with('A') { 'B' } else { 'A' }, &signature[1..]);
        assert_eq!(keeps.get("/users/me").bearer(&tampered).send().status, 401);
    }

    fn users_token_reaches_only_own_records_there(engine: Engine) {
        let issues = issuing_server(engine);
        let keeps = user_service(engine, &issues.url, &[]);
        let (ada, grace) = (issues.register("ada"), issues.register("grace"));
        let account = |token: &str| keeps.get("/users/me").bearer(token).send().expect(200);
        let hers = account(&ada.token);
        let others = account(&grace.token).json()["id"].as_str().unwrap().to_owned();
        let own = format!("/users/{}", hers.json()["id"].as_str().unwrap());
        let profile = format!("{own}/profile");
        keeps.get(&own).bearer(&ada.token).send().expect(200);
        keeps.get(&format!("{own}/audit")).bearer(&ada.token).send().expect(200);
        let named = json!({ "name": "Ada" });
        keeps.put(&profile).bearer(&ada.token).json(&named).send().expect(200);
        assert_eq!(keeps.get(&profile).bearer(&ada.token).send().expect(200).json()["name"], "Ada");
        // Grace's account; Ada's id on the other server; an unknown id.
        for id in [others.as_str(), &ada.id, "01890000-0000-7000-8000-000000000000"] {
            let path = format!("/users/{id}");
            for below in ["", "/profile", "/audit", "/sessions"] {
                let path = format!("{path}{below}");
                keeps.get(&path).bearer(&ada.token).send().expect_problem(403, "not-owner");
            }
            let patch = keeps.patch(&path).bearer(&ada.token).json(&json!({ "email": "x@example.com" }));
            patch.send().expect_problem(403, "not-owner");
            keeps.delete(&path).bearer(&ada.token).send().expect_problem(403, "not-owner");
        }
        keeps.get("/users").bearer(&ada.token).send().expect_problem(403, "insufficient-scope");
        account(&grace.token);
        // An administrator of one server is an ordinary user of the other.
        let admin = issues.admin();
        assert_eq!(account(&admin.token).json()["roles"], json!(["user"]));
        keeps.get(&own).bearer(&admin.token).send().expect_problem(403, "not-owner");
    }

    fn rotated_keys_reach_the_other_server(engine: Engine) {
        let issues = issuing_server(engine);
        let keeps = user_service(engine, &issues.url, &[]);
        let ada = issues.register("ada");
        let id = keeps.get("/users/me").bearer(&ada.token).send().expect(200).json()["id"].clone();
        let made = issues.operator(&["keys", "rotate", "--now", "--json"]);
        let made: Value = serde_json::from_str(&made).unwrap();
        let began = Instant::now();
        let token = loop {
            let token = issues.log_in(&ada.email);
            if decoded(&token).0["kid"] == made["kid"] {
                break token;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "the next key does not sign");
            std::thread::sleep(Duration::from_millis(20));
        };
        for token in [&token, &ada.token] {
            assert_eq!(keeps.get("/users/me").bearer(token).send().expect(200).json()["id"], id);
        }
    }
}
