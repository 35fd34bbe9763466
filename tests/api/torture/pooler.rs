//! pgbouncer in transaction mode in front of PostgreSQL, also killed.

use std::path::Path;

use cloakroom::store::PostgresConnection;
use diesel::Connection as _;
use diesel::connection::SimpleConnection as _;
use serde_json::json;
use tempfile::TempDir;

use super::{Ledger, eventually, for_a_while, on_database};
use crate::pipelined_reads::{pool_uses, until_pipelined};
use crate::support::{Cluster, ExternalProgram, Postgres, Process, free_port};

/// Starts pgbouncer with fewer connections to PostgreSQL than the server has to pgbouncer.
fn pooler(cluster: &Cluster) -> Option<ExternalProgram> {
    let socket = cluster.socket_directory().display().to_string();
    ExternalProgram::start("pgbouncer", |port, directory: &Path| {
        let users = directory.join("users");
        std::fs::write(&users, "\"postgres\" \"\"\n").expect("it is written");
        format!(
            "[databases]\n* = host={socket}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = trust\nauth_file = {}\npool_mode = transaction\ndefault_pool_size = 3\n",
            users.display()
        )
    })
}

struct World {
    cluster: Cluster,
    pooler: ExternalProgram,
    database: String,
}

impl World {
    fn new() -> Option<Self> {
        let cluster = Postgres::dedicated_cluster()?;
        let pooler = pooler(&cluster)?;
        let database = format!("postgres://postgres@127.0.0.1:{}/postgres?pgbouncer=true", pooler.port);
        Some(Self { cluster, pooler, database })
    }
}

#[test]
fn requests_and_revocations_work_through_pgbouncer() {
    let Some(world) = World::new() else { return };
    let dir = TempDir::new().unwrap();
    let settings = on_database(&world.database);
    let server = Process::start(dir.path(), &settings);
    let elsewhere = TempDir::new().unwrap();
    let issuer = [settings.clone(), vec![("CLOAKROOM_ISSUER", server.url.as_str())]].concat();
    let replica = Process::start(elsewhere.path(), &issuer);
    std::thread::scope(|scope| {
        for number in 0..12 {
            let (server, replica) = (&server, &replica);
            scope.spawn(move || {
                let email = format!("user{number}@example.com");
                server.registration(&email).send().expect(201);
                let token = server.token(&email);
                for round in 0..10 {
                    let name = json!({ "name": format!("{number} {round}") });
                    let put = server.request("PUT", "/users/me/profile").bearer(&token);
                    put.json(&name).send().expect(200);
                    let profile = replica.get("/users/me/profile").bearer(&token).send().expect(200);
                    assert_eq!(profile.json()["name"], name["name"]);
                    server.get("/users/me/audit?limit=5").bearer(&token).send().expect(200);
                }
                server.request("DELETE", "/sessions/current").bearer(&token).send().expect(204);
                server.get("/users/me").bearer(&token).send().expect(401);
                eventually("the revocation is known", || {
                    replica.get("/users/me").bearer(&token).send().status == 401
                });
            });
        }
    });
    // A statement that waits for a lock times out, as without a pooler.
    let mut other = PostgresConnection::establish(&world.cluster.url().replace("{}", "postgres")).unwrap();
    let token = server.token("user1@example.com");
    other.batch_execute("BEGIN; LOCK TABLE users").unwrap();
    server.get("/users/me").bearer(&token).send().expect_problem(503, "unavailable");
    let put = server.request("PUT", "/users/me/profile").bearer(&token).json(&json!({ "name": "late" }));
    put.send().expect_problem(503, "unavailable");
    other.batch_execute("ROLLBACK").unwrap();
    let profile = server.get("/users/me/profile").bearer(&token).send().expect(200).json();
    assert_ne!(profile["name"], "late");
}

#[test]
fn reads_share_a_connection_through_pgbouncer() {
    let Some(world) = World::new() else { return };
    let (dir, listen) = (TempDir::new().unwrap(), format!("127.0.0.1:{}", free_port()));
    let own = [("CLOAKROOM_WORKERS", "1"), ("CLOAKROOM_METRICS_LISTEN", listen.as_str())];
    let server = Process::start(dir.path(), &[on_database(&world.database).as_slice(), &own].concat());
    server.registration("ada@example.com").send().expect(201);
    let token = server.token("ada@example.com");
    let metrics = format!("http://{listen}");
    let read = || server.get("/users/me").bearer(&token).send().status;
    until_pipelined(&metrics, read);
    let before = pool_uses(&metrics);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for _ in 0..10 {
                    assert_eq!(read(), 200);
                }
            });
        }
    });
    let uses = pool_uses(&metrics) - before;
    // A background duty may use the pool meanwhile.
    assert!(uses < 20.0, "{uses} of 160 reads used the pool");
}

#[test]
fn acknowledged_changes_survive_pgbouncer_crashes() {
    let Some(mut world) = World::new() else { return };
    let dir = TempDir::new().unwrap();
    let database = world.database.clone();
    let settings = on_database(&database);
    let server = Process::start(dir.path(), &settings);
    let ledger = Ledger::of(&server.url, |ledger| {
        for_a_while(|| {
            let enough = ledger.done() + 10;
            eventually("enough is acknowledged", || ledger.done() >= enough);
            world.pooler.kill_and_restart();
        });
    });
    ledger.check(dir.path(), &settings);
}
