//! Two servers, each with a database of its own: one issues tokens, the other keeps users, issues
//! none and trusts the first by its published keys alone.

use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel::{PgConnection, SqliteConnection};
use serde_json::{Value, json};

use super::{AUDIENCE, Trust, claims, header, with};
use crate::support::{Engine, ForeignIssuer, PASSWORD, Server, decoded, on_both_engines};

/// How many signing keys there are.
fn db_signing_keys(server: &Server) -> i64 {
    #[derive(QueryableByName)]
    struct Counted {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let query = diesel::sql_query("SELECT count(*) AS count FROM signing_keys");
    let counted: Counted = match server.engine {
        Engine::Sqlite => {
            let path = server.database_url.trim_start_matches("sqlite://");
            query.get_result(&mut SqliteConnection::establish(path).unwrap()).unwrap()
        }
        Engine::Postgres => {
            query.get_result(&mut PgConnection::establish(&server.database_url).unwrap()).unwrap()
        }
    };
    counted.count
}

/// The server that issues tokens, on a database of its own.
fn issuing_server(engine: Engine) -> Server {
    Server::start_with(engine, &[("CLOAKROOM_AUDIENCE", AUDIENCE)])
}

/// The server that keeps users.
fn user_service(engine: Engine, issuer: &str, settings: &[(&str, &str)]) -> Server {
    let trusted = json!([{
        "issuer": issuer, "provision": "jit",
        "scopes": { "users:read:any": "users:read:any", "users:create": "users:create" },
    }]);
    let trusted = trusted.to_string();
    let own = [
        ("CLOAKROOM_AUTHORIZATION_SERVER", "off"),
        ("CLOAKROOM_AUDIENCE", AUDIENCE),
        ("CLOAKROOM_TRUSTED_ISSUERS", trusted.as_str()),
    ];
    Server::start_with(engine, &[&own, settings].concat())
}

on_both_engines! {
    fn a_client_of_one_server_reads_a_user_of_the_other_with_its_token(engine: Engine) {
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
        // The first does not know whom the second keeps.
        issues.get(&path).bearer(&client).send().expect_problem(404, "not-found");
    }

    fn a_user_of_one_server_has_an_account_of_their_own_on_the_other(engine: Engine) {
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

    fn a_users_token_reaches_their_own_on_the_other_server_and_nobody_elses(engine: Engine) {
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
        // Grace's account; what Ada is called at the other server; an id that nobody has.
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
        // An administrator of the one is a user like others of the other.
        let admin = issues.admin();
        assert_eq!(account(&admin.token).json()["roles"], json!(["user"]));
        keeps.get(&own).bearer(&admin.token).send().expect_problem(403, "not-owner");
    }

    fn keys_that_one_server_rotates_are_known_to_the_other(engine: Engine) {
        let issues = issuing_server(engine);
        let keeps = user_service(engine, &issues.url, &[]);
        let ada = issues.register("ada");
        let id = keeps.get("/users/me").bearer(&ada.token).send().expect(200).json()["id"].clone();
        let made = issues.operator(&["keys", "rotate", "--now", "--json"]);
        let made: Value = serde_json::from_str(&made).unwrap();
        let began = std::time::Instant::now();
        let token = loop {
            let token = issues.log_in(&ada.email);
            if decoded(&token).0["kid"] == made["kid"] {
                break token;
            }
            assert!(began.elapsed() < std::time::Duration::from_secs(30), "the next key does not sign");
            std::thread::sleep(std::time::Duration::from_millis(20));
        };
        for token in [&token, &ada.token] {
            assert_eq!(keeps.get("/users/me").bearer(token).send().expect(200).json()["id"], id);
        }
    }

    fn a_client_with_every_power_makes_the_first_administrator(engine: Engine) {
        let issuer = ForeignIssuer::start();
        let app = cloakroom::App::default();
        let all: Vec<&str> = app.vocabulary().scopes().iter().filter(|scope| scope.reaches_others()).map(|scope| scope.as_str()).collect();
        let trusted = json!([{ "issuer": issuer.url, "provision": "jit", "scopes": { "everything": all, "some": ["roles:write", "users:read:any"], "staff": ["users:read", "users:read:any"] } }]);
        let server = Server::start_with_standing_clock(engine, &[
            ("CLOAKROOM_AUTHORIZATION_SERVER", "off"), ("CLOAKROOM_AUDIENCE", AUDIENCE),
            ("CLOAKROOM_TRUSTED_ISSUERS", &trusted.to_string()),
        ]);
        let sign = |claims: &Value| issuer.key.sign(&header(), claims);
        let id = server.get("/users/me").bearer(&sign(&claims(&issuer, &server))).send().expect(200).json()["id"].as_str().unwrap().to_owned();
        let grant = |scope: &str| {
            let claims = with(&with(&claims(&issuer, &server), "sub", json!("web-shop")), "scope", json!(scope));
            server.put(&format!("/users/{id}/roles")).bearer(&sign(&claims)).json(&json!({ "roles": ["admin", "user"] })).send()
        };
        grant("some").expect_problem(403, "above-caller");
        grant("everything").expect(200);
        server.clock.advance(chrono::TimeDelta::seconds(1));
        let staff = with(&claims(&issuer, &server), "scope", json!("staff"));
        server.get("/users").bearer(&sign(&staff)).send().expect(200);
        // Another person, whose token says the same, has not the roles for it.
        let other = with(&staff, "sub", json!("grace"));
        server.get(&format!("/users/{id}")).bearer(&sign(&other)).send().expect_problem(403, "not-owner");
    }

    fn a_list_is_paged_with_cursors_where_no_token_is_issued(engine: Engine) {
        let issues = issuing_server(engine);
        let keeps = user_service(engine, &issues.url, &[]);
        for name in ["a", "b", "c"] {
            let body = json!({ "email": format!("{name}@example.com"), "password": PASSWORD });
            keeps.post("/users").json(&body).send().expect(201);
        }
        let client = issues.client_token("reports", "users:read:any");
        let first = keeps.get("/users?limit=2").bearer(&client).send().expect(200).json();
        let next = format!("/users?limit=2&cursor={}", first["next"].as_str().unwrap());
        let second = keeps.get(&next).bearer(&client).send().expect(200).json();
        assert_eq!(second["items"].as_array().map(Vec::len), Some(1));
    }

    fn nothing_is_there_that_issues(engine: Engine) {
        let issuer = ForeignIssuer::start();
        let server = user_service(engine, &issuer.url, &[]);
        for (method, path) in [
            ("POST", "/sessions"),
            ("POST", "/oauth/token"),
            ("GET", "/oauth/authorize"),
            ("GET", "/.well-known/jwks.json"),
            ("GET", "/.well-known/oauth-authorization-server"),
            ("GET", "/.well-known/openid-configuration"),
            ("GET", "/clients"),
            ("POST", "/keys/rotate"),
        ] {
            let answer = server.request(method, path).send();
            assert_eq!(answer.status, 404, "{method} {path}: {answer:?}");
        }
        // The page of an error wears them.
        for path in ["/oauth/pages.css", "/oauth/mark.svg"] {
            server.get(path).send().expect(200);
        }
        let token = issuer.key.sign(&header(), &claims(&issuer, &server));
        server.delete("/sessions/current").bearer(&token).send().expect(204);
        server.get("/users/me").bearer(&token).send().expect(200);
        let document = server.get("/openapi.json").send().expect(200).json();
        let paths = document["paths"].as_object().unwrap();
        assert!(paths.contains_key("/users/{id}") && paths.contains_key("/sessions/current"), "{paths:?}");
        for path in paths.keys() {
            let of_pages = ["/oauth/pages.css", "/oauth/mark.svg"].contains(&path.as_str());
            assert!((of_pages || !path.starts_with("/oauth")) && !path.contains("authorization-server") && path != "/sessions", "{path}");
        }
        let schemes = &document["components"]["securitySchemes"];
        assert_eq!((&schemes["bearer"]["type"], &schemes["client"]), (&json!("http"), &Value::Null));
        assert!(!document.to_string().contains("/oauth/token"), "it says where no token is to be had");
        let metadata = server.get("/.well-known/oauth-protected-resource").send().expect(200).json();
        assert_eq!(metadata["authorization_servers"], json!([issuer.url]));
        assert_eq!((&metadata["jwks_uri"], &metadata["resource"]), (&Value::Null, &json!(AUDIENCE)));
        assert_eq!(db_signing_keys(&server), 0);
    }
}

#[test]
fn where_both_are_taken_the_metadata_names_both() {
    let trust = Trust::new(Engine::Sqlite);
    let metadata = trust.server.get("/.well-known/oauth-protected-resource").send().expect(200).json();
    assert_eq!(metadata["authorization_servers"], json!([trust.server.url, trust.issuer.url]));
    assert!(metadata["jwks_uri"].is_string());
}

#[test]
fn a_token_that_the_server_itself_once_issued_is_not_taken_any_more() {
    let issuer = ForeignIssuer::start();
    let before = Server::start_with(Engine::Sqlite, &[("CLOAKROOM_AUDIENCE", AUDIENCE)]);
    let ada = before.register("ada");
    let trusted = json!([{ "issuer": issuer.url, "provision": "jit" }]).to_string();
    let after = before.replica_with(&[
        ("CLOAKROOM_AUTHORIZATION_SERVER", "off"),
        ("CLOAKROOM_AUDIENCE", AUDIENCE),
        ("CLOAKROOM_TRUSTED_ISSUERS", &trusted),
    ]);
    before.get("/users/me").bearer(&ada.token).send().expect(200);
    after.get("/users/me").bearer(&ada.token).send().expect_problem(401, "invalid-token");
    let token = issuer.key.sign(&header(), &claims(&issuer, &after));
    after.get("/users/me").bearer(&token).send().expect(200);
    before.get("/users/me").bearer(&token).send().expect_problem(401, "invalid-token");
}
