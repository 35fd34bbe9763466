//! A PostgreSQL host that hangs: its processes are stopped, and its sockets stay open.

use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use super::{eventually, expect_unavailable, on_database};
use crate::support::{Postgres, Process};

/// More requests than the server has connections to PostgreSQL.
const REQUESTS: usize = 60;

/// Holds every connection of the server: each request is answered 503 in time.
fn hold_every_connection(server: &Process, token: &str) {
    std::thread::scope(|scope| {
        for number in 0..REQUESTS {
            scope.spawn(move || {
                let began = Instant::now();
                let answer = match number % 2 {
                    0 => server.get("/users/me/profile").bearer(token).send(),
                    _ => {
                        let put = server.request("PUT", "/users/me/profile").bearer(token);
                        put.json(&json!({ "name": "late" })).send()
                    }
                };
                assert_eq!(answer.status, 503, "{answer:?}");
                assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
            });
        }
    });
}

#[test]
fn new_leader_is_found_while_the_old_one_hangs() {
    let Some(primary) = Postgres::dedicated_cluster() else { return };
    let mut standby = primary.synchronous_standby().expect("a standby");
    let [first, second] =
        [&primary, &standby].map(|cluster| cluster.socket_directory().display().to_string());
    let url = format!("postgres://postgres@/postgres?host={first},{second}");
    let dir = TempDir::new().unwrap();
    let server = Process::start(dir.path(), &on_database(&url));
    server.registration("ada@example.com").send().expect(201);
    let token = server.token("ada@example.com");
    let _frozen = primary.freeze();
    hold_every_connection(&server, &token);
    let promoted = Instant::now();
    standby.promote();
    let change = || {
        let put = server.request("PUT", "/users/me/profile").bearer(&token);
        put.json(&json!({ "name": "Ada" })).send().status == 200
    };
    eventually("the new leader takes writes", change);
    let took = promoted.elapsed();
    println!("in service {} ms after the promotion", took.as_millis());
    assert!(took < Duration::from_secs(5), "{took:?}");
    for _ in 0..REQUESTS {
        server.get("/users/me/profile").bearer(&token).send().expect(200);
    }
}

#[test]
fn requests_recover_when_a_host_no_longer_hangs() {
    let Some(cluster) = Postgres::dedicated_cluster() else { return };
    let (dir, url) = (TempDir::new().unwrap(), cluster.url().replace("{}", "postgres"));
    let server = Process::start(dir.path(), &on_database(&url));
    server.registration("ada@example.com").send().expect(201);
    let token = server.token("ada@example.com");
    let frozen = cluster.freeze();
    hold_every_connection(&server, &token);
    expect_unavailable("a read", server.get("/users/me/profile").bearer(&token));
    // A route that needs no database works.
    server.get("/.well-known/jwks.json").send().expect(200);
    drop(frozen);
    eventually("reads work", || server.get("/users/me/profile").bearer(&token).send().status == 200);
    let profile = server.get("/users/me/profile").bearer(&token).send().expect(200).json();
    assert_ne!(profile["name"], "late");
}
