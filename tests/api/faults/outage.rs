//! PostgreSQL stops, or closes its connections, while the server runs.

use cloakroom::store::PostgresConnection;
use diesel::prelude::*;
use serde_json::json;
use tempfile::TempDir;

use super::{eventually, expect_all_unavailable, expect_unavailable, on_database};
use crate::support::{Answer, Engine, Postgres, Process, Server};

const ANOTHER_USER: &str = "/users/01890000-0000-7000-8000-000000000000";

#[test]
fn requests_recover_after_a_database_outage() {
    let Some(mut cluster) = Postgres::dedicated_cluster() else { return };
    let dir = TempDir::new().unwrap();
    let url = cluster.url().replace("{}", "postgres");
    let server = Process::start(dir.path(), &on_database(&url));
    server.registration("ada@example.com").send().expect(201);
    let (ada, left) = (server.token("ada@example.com"), server.token("ada@example.com"));
    server.request("DELETE", "/sessions/current").bearer(&left).send().expect(204);
    let me = || server.get("/users/me").bearer(&ada);
    let tag = me().send().expect(200).etag().to_owned();

    cluster.stop();
    expect_unavailable("a read", me());
    let patch = server.request("PATCH", "/users/me").bearer(&ada).if_match(&tag);
    expect_all_unavailable([
        ("another read", me()),
        ("a registration", server.registration("grace@example.com")),
        ("a login", server.login("ada@example.com")),
        ("a change", patch.json(&json!({ "email": "countess@example.com" }))),
        ("a logout", server.request("DELETE", "/sessions/current").bearer(&ada)),
        ("readiness", server.get("/health/ready")),
    ]);

    std::thread::scope(|scope| {
        for number in 0..32 {
            let (server, me) = (&server, &me);
            scope.spawn(move || match number % 4 {
                0 => expect_unavailable(
                    "a registration during the outage",
                    server.registration(&format!("u{number}@example.com")),
                ),
                1 => expect_unavailable("a login during the outage", server.login("ada@example.com")),
                2 => drop(server.get("/health/live").send().expect(200)),
                _ => expect_unavailable("a read during the outage", me()),
            });
        }
    });

    server.get("/health/live").send().expect(200);
    server.get("/.well-known/jwks.json").send().expect(200);
    server.get("/users/me").send().expect_problem(401, "unauthenticated");
    for dead in ["a.b.c", &format!("{ada}x"), &left] {
        server.get("/users/me").bearer(dead).send().expect_problem(401, "invalid-token");
    }
    server.get(ANOTHER_USER).bearer(&ada).send().expect_problem(403, "not-owner");
    server.get("/users").bearer(&ada).send().expect_problem(403, "insufficient-scope");
    server.post("/users").body("text/plain", "x").send().expect_problem(415, "unsupported-media-type");

    cluster.start_again();
    eventually("the server is ready again", || server.get("/health/ready").send().status == 200);
    let read = me().send().expect(200);
    assert_eq!(read.json()["email"], "ada@example.com");
    assert_eq!(read.etag(), tag, "a refused change must not happen");
    server.registration("grace@example.com").send().expect(201);
    server.request("DELETE", "/sessions/current").bearer(&ada).send().expect(204);
    me().send().expect_problem(401, "invalid-token");
}

#[test]
fn token_endpoint_issues_nothing_during_an_outage() {
    let Some(mut cluster) = Postgres::dedicated_cluster() else { return };
    let dir = TempDir::new().unwrap();
    let url = cluster.url().replace("{}", "postgres");
    let server = Process::start(dir.path(), &on_database(&url));
    server.registration("ada@example.com").send().expect(201);
    let tokens = server.login("ada@example.com").send().expect(200).json();
    let (access, refresh) =
        (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
    let form = |path: &str, pairs: &[(&str, &str)]| {
        server.post(path).form(&[&[("client_id", "cloakroom")], pairs].concat()).send()
    };
    let refreshed = || form("/oauth/token", &[("grant_type", "refresh_token"), ("refresh_token", refresh)]);
    let revoked = || form("/oauth/revoke", &[("token", access)]);

    cluster.stop();
    // At the same time: each request waits for its time-out.
    std::thread::scope(|scope| {
        for request in [&refreshed as &(dyn Fn() -> Answer + Sync), &revoked, &revoked] {
            scope.spawn(move || {
                let answer = request();
                assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "{answer:?}");
                assert_eq!(answer.json()["error"], "temporarily_unavailable");
            });
        }
        for path in ["/oauth/authorize?client_id=photos", "/oauth/logout?client_id=photos"] {
            let server = &server;
            scope.spawn(move || {
                let page = server.get(path).send().expect(503);
                assert!(
                    page.body.contains("Temporarily unavailable") && page.header("location").is_none(),
                    "{page:?}"
                );
            });
        }
    });

    cluster.start_again();
    eventually("the server is ready again", || server.get("/health/ready").send().status == 200);
    // Nothing was revoked, and no refresh token was consumed.
    server.get("/users/me").bearer(access).send().expect(200);
    let next = refreshed().expect(200).json();
    revoked().expect(200);
    server.get("/users/me").bearer(access).send().expect_problem(401, "invalid-token");
    server.get("/users/me").bearer(next["access_token"].as_str().unwrap()).send().expect(200);
}

#[derive(QueryableByName)]
struct Ended {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    count: i64,
}

/// Ends every other connection to the database. Returns their number.
pub fn db_end_connections(url: &str) -> i64 {
    let mut conn = PostgresConnection::establish(url).unwrap();
    let sql = "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid, 5000)) AS count FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    diesel::sql_query(sql).get_result::<Ended>(&mut conn).unwrap().count
}

#[test]
fn read_survives_closed_pool_connections() {
    if !Postgres::is_available() {
        return;
    }
    let server = Server::start_with(Engine::Postgres, &[("CLOAKROOM_DB_POOL", "8")]);
    let ada = server.register("ada");
    let read = || server.get("/users/me").bearer(&ada.token).send().status;
    for _ in 0..3 {
        let statuses = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..16).map(|_| scope.spawn(read)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(statuses, [200; 16]);
        assert!(db_end_connections(&server.database_url) > 0);
        let statuses: Vec<u16> = (0..16).map(|_| read()).collect();
        assert_eq!(statuses, [200; 16]);
    }
}

#[test]
fn write_survives_closed_pool_connections() {
    if !Postgres::is_available() {
        return;
    }
    let server = Server::start_with(Engine::Postgres, &[("CLOAKROOM_DB_POOL", "8")]);
    let ada = server.register("ada");
    for round in 0..3 {
        assert!(db_end_connections(&server.database_url) > 0);
        let put = |name: &str| {
            let body = json!({ "name": name });
            server.put("/users/me/profile").bearer(&ada.token).json(&body).send().status
        };
        let statuses: Vec<u16> = (0..8).map(|number| put(&format!("Ada {round} {number}"))).collect();
        assert_eq!(statuses, [200; 8]);
        let profile = server.get("/users/me/profile").bearer(&ada.token).send().expect(200);
        assert_eq!(profile.json()["name"], format!("Ada {round} 7"));
    }
}
