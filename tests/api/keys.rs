//! `/keys` and `cloakroom keys`: rotation of the signing keys without interruption.

use std::sync::atomic::{AtomicBool, Ordering};

use chrono::TimeDelta;
use cloakroom::store::PostgresConnection;
use diesel::prelude::*;
use serde_json::{Value, json};

use crate::support::{Answer, Engine, PASSWORD, Postgres, Server, decoded, eventually, on_both_engines};

/// Returns the `kid`s of the published keys.
fn published(server: &Server) -> Vec<String> {
    let keys = server.get("/.well-known/jwks.json").send().expect(200).json();
    let kid = |key: &Value| key["kid"].as_str().expect("a kid").to_owned();
    keys["keys"].as_array().expect("keys").iter().map(kid).collect()
}

fn signed_by(token: &str) -> String {
    decoded(token).0["kid"].as_str().expect("a kid").to_owned()
}

fn rotate(server: &Server, token: &str) -> Answer {
    server.post("/keys/rotate").bearer(token).send()
}

on_both_engines! {
    fn rotation_needs_the_scope(server) {
        let (ada, admin) = (server.register("ada"), server.admin());
        server.post("/keys/rotate").send().expect_problem(401, "unauthenticated");
        rotate(&server, &ada.token).expect_problem(403, "insufficient-scope");
        assert_eq!(published(&server).len(), 1);
        let made = rotate(&server, &admin.token).expect(200).json();
        assert_eq!(made["alg"], "ES256");
        let keys = published(&server);
        assert!(keys.len() == 2 && keys.contains(&made["kid"].as_str().unwrap().to_owned()), "{keys:?}");
    }

    fn operators_rotation_keeps_old_tokens_valid(server) {
        // A user's oldest session ends when too many begin.
        let (ada, grace) = (server.register("ada"), server.register("grace"));
        let replica = server.replica();
        let before = signed_by(&ada.token);
        let made: Value = serde_json::from_str(&server.operator(&["keys", "rotate", "--now", "--json"])).unwrap();
        let next = made["kid"].as_str().unwrap();
        for server in [&server, &replica] {
            eventually("the next key signs", || signed_by(&server.log_in(&grace.email)) == next);
            server.get("/users/me").bearer(&ada.token).send().expect(200);
        }
        assert_eq!(published(&server).len(), 2);
        let listed: Value = serde_json::from_str(&server.operator(&["keys", "list", "--json"])).unwrap();
        let state = |kid: &str| listed.as_array().unwrap().iter().find(|key| key["kid"] == kid).unwrap()["state"].clone();
        assert_eq!((state(&before), state(next)), (json!("previous"), json!("signing")));
    }

    fn retiring_a_key_revokes_its_tokens(server) {
        let ada = server.register("ada");
        let retired = signed_by(&ada.token);
        let told: Value = serde_json::from_str(&server.operator(&["keys", "retire", &retired, "--json"])).unwrap();
        assert!(told["signing"].is_string(), "{told}");
        server.eventually_refuses(&ada.token);
        let again = server.log_in(&ada.email);
        assert_eq!(signed_by(&again), told["signing"]);
        server.get("/users/me").bearer(&again).send().expect(200);
        assert!(!published(&server).contains(&retired));
    }

    fn restart_and_replicas_share_the_keys(server) {
        let ada = server.register("ada");
        let replica = server.replica();
        replica.get("/users/me").bearer(&ada.token).send().expect(200);
        assert_eq!(published(&replica), published(&server));
        drop(replica);
        let again = server.restart();
        again.get("/users/me").bearer(&ada.token).send().expect(200);
    }

    fn rotation_under_load_fails_no_request(server) {
        let ada = server.register("ada");
        let replica = server.replica();
        let (login, over) = (json!({ "email": ada.email, "password": PASSWORD }), AtomicBool::new(false));
        let load = |servers: [&Server; 2]| {
            let mut token = ada.token.clone();
            let mut refused = Vec::new();
            while !over.load(Ordering::Relaxed) {
                for server in servers {
                    let answer = server.get("/users/me").bearer(&token).send();
                    refused.extend((answer.status != 200).then_some(answer));
                }
                // One replica issues the next token, and the other one verifies it.
                let answer = servers[0].post("/sessions").json(&login).send();
                match answer.status {
                    200 => token = answer.json()["access_token"].as_str().expect("a token").to_owned(),
                    _ => refused.push(answer),
                }
            }
            refused
        };
        let refused = std::thread::scope(|scope| {
            let servers = [[&server, &replica], [&replica, &server]];
            let load = &load;
            let threads = servers.map(|servers| scope.spawn(move || load(servers)));
            for _ in 0..3 {
                let made: Value = serde_json::from_str(&server.operator(&["keys", "rotate", "--now", "--json"])).unwrap();
                eventually("the next key signs", || signed_by(&replica.log_in(&ada.email)) == made["kid"]);
            }
            over.store(true, Ordering::Relaxed);
            threads.into_iter().flat_map(|thread| thread.join().expect("answers")).collect::<Vec<_>>()
        });
        assert!(refused.is_empty(), "{} were refused: {:?}", refused.len(), refused.first());
    }
}

on_both_engines! {
    fn key_is_published_before_and_after_it_signs(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &[]);
        let (ada, admin) = (server.register("ada"), server.admin());
        let first = signed_by(&ada.token);
        let made = rotate(&server, &admin.token).expect(200).json();
        let next = made["kid"].as_str().unwrap();
        server.clock.advance(TimeDelta::seconds(599));
        let last = server.log_in(&ada.email);
        assert_eq!(signed_by(&last), first);
        server.clock.advance(TimeDelta::seconds(1));
        assert_eq!(signed_by(&server.log_in(&ada.email)), next);
        server.get("/users/me").bearer(&last).send().expect(200);
        assert_eq!(published(&server).len(), 2);
        // Its last token has expired, including the leeway.
        server.clock.advance(TimeDelta::seconds(604));
        assert_eq!(published(&server).len(), 2);
        server.clock.advance(TimeDelta::seconds(1));
        assert_eq!(published(&server), [next]);
    }

    fn hs256_secret_cannot_be_rotated_by_the_api(engine: Engine) {
        let settings = [("CLOAKROOM_SIGNING_ALGORITHM", "HS256"), ("CLOAKROOM_HS256_SECRET", "0123456789abcdef0123456789abcdef")];
        let server = Server::start_with(engine, &settings);
        let refused = rotate(&server, &server.admin().token).expect_problem(409, "conflict").json();
        assert_eq!(refused["errors"][0]["detail"], refused["detail"], "a form shows the cause");
        // A client could not verify an ID token, so there is none.
        let app = server.application("photos", "openid users:read");
        let back = server.get(&app.authorize(&[])).send().expect(303);
        assert_eq!(crate::support::redirect_parameter(&back, "error"), "invalid_scope");
    }
}

#[test]
fn key_id_may_look_like_a_flag() {
    let server = Server::start(Engine::Sqlite);
    for arguments in [["keys", "retire", "-x-9", "--json"], ["keys", "retire", "--json", "-x-9"]] {
        let output = server.operator_refused(&arguments);
        assert!(output.contains("there is no key -x-9"), "{output}");
    }
}

/// Replicas notify each other through PostgreSQL; a replica also polls, for notifications that it missed.
#[test]
fn replicas_poll_for_revocations_without_notifications() {
    if !Postgres::is_available() {
        return;
    }
    let server = Server::start(Engine::Postgres);
    let (replica, ada) = (server.replica(), server.register("ada"));
    let mut conn = PostgresConnection::establish(&server.database_url).expect("a database");
    let mut listeners = |what: &str| {
        let of = "FROM pg_stat_activity WHERE datname = current_database() AND query = 'LISTEN cloakroom'";
        diesel::sql_query(format!("SELECT {what} {of}")).execute(&mut conn).expect("rows")
    };
    eventually("both listen", || listeners("pid") == 2);
    assert_eq!(listeners("pg_terminate_backend(pid)"), 2);
    replica.get("/users/me").bearer(&ada.token).send().expect(200);
    server.delete("/sessions/current").bearer(&ada.token).send().expect(204);
    replica.eventually_refuses(&ada.token);
    eventually("both listen again", || listeners("pid") == 2);
}
