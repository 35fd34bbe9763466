//! Two servers with separate databases: one issues tokens; the other stores users, issues none, and trusts
//! the first by its published keys alone.

use cloakroom::store::PostgresConnection;
use diesel::SqliteConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use serde_json::{Value, json};

use super::{AUDIENCE, Trust, claims, header, with};
use crate::support::{Engine, ForeignIssuer, PASSWORD, PATIENCE, Process, Server, on_both_engines};

/// Returns the number of signing keys.
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
            query.get_result(&mut PostgresConnection::establish(&server.database_url).unwrap()).unwrap()
        }
    };
    counted.count
}

/// Starts a server that issues tokens, on its own database.
pub(super) fn issuing_server(engine: Engine) -> Server {
    Server::start_with(engine, &[("CLOAKROOM_AUDIENCE", AUDIENCE)])
}

/// Starts a server that stores users, on its own database, and issues no tokens.
pub(super) fn user_service(engine: Engine, issuer: &str, settings: &[(&str, &str)]) -> Server {
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
    fn client_with_every_power_makes_the_first_administrator(engine: Engine) {
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
        // Another user with an equal token lacks the roles.
        let other = with(&staff, "sub", json!("grace"));
        server.get(&format!("/users/{id}")).bearer(&sign(&other)).send().expect_problem(403, "not-owner");
    }

    fn cursors_work_without_an_authorization_server(engine: Engine) {
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

    fn has_no_routes_that_issue_tokens(engine: Engine) {
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
        // Error pages use these files.
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
        assert!(!document.to_string().contains("/oauth/token"), "it names a missing token endpoint");
        let metadata = server.get("/.well-known/oauth-protected-resource").send().expect(200).json();
        assert_eq!(metadata["authorization_servers"], json!([issuer.url]));
        assert_eq!((&metadata["jwks_uri"], &metadata["resource"]), (&Value::Null, &json!(AUDIENCE)));
        let trusted = json!([{ "issuer": issuer.url }]).to_string();
        let settings = ["--authorization-server", "off", "--trusted-issuers", &trusted];
        let said = server.operator_refused(&[&["keys", "rotate"], &settings[..]].concat());
        assert!(said.contains("needs no key"), "{said}");
        assert_eq!(db_signing_keys(&server), 0);
    }
}

#[test]
fn metadata_lists_own_and_external_issuers() {
    let trust = Trust::new(Engine::Sqlite);
    let metadata = trust.server.get("/.well-known/oauth-protected-resource").send().expect(200).json();
    assert_eq!(metadata["authorization_servers"], json!([trust.server.url, trust.issuer.url]));
    assert!(metadata["jwks_uri"].is_string());
}

#[test]
fn refuses_tokens_it_issued_before() {
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

#[test]
fn start_message_fits_a_server_without_login() {
    use std::io::{BufRead as _, BufReader};
    use std::sync::mpsc;

    let (dir, issuer) = (tempfile::tempdir().unwrap(), ForeignIssuer::start());
    let trusted = json!([{ "issuer": issuer.url }]).to_string();
    let said = |settings: &[(&str, &str)], last: &str| {
        let mut child = Process::command(dir.path(), settings, &[]).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let (send, receive) = mpsc::channel();
        let reading = std::thread::spawn(move || lines.for_each(|line| drop(send.send(line))));
        let mut said = String::new();
        // The server keeps running, so its output does not end.
        while !said.contains(last)
            && let Ok(line) = receive.recv_timeout(PATIENCE)
        {
            said.extend([line.as_str(), "\n"]);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        reading.join().unwrap();
        said
    };
    let trusts = ("CLOAKROOM_TRUSTED_ISSUERS", trusted.as_str());
    let with_own = said(&[trusts], "users create");
    assert!(with_own.contains(&format!(", {}\n", issuer.url)) && with_own.contains("Register"), "{with_own}");
    let without = said(&[trusts, ("CLOAKROOM_AUTHORIZATION_SERVER", "off")], "/users/me");
    assert!(without.contains(&format!("\nissuer {}\n", issuer.url)), "{without}");
    assert!(
        without.contains("/users/me") && !without.contains("users create") && !without.contains("Register"),
        "{without}"
    );
}
