//! Reads by key on PostgreSQL share one connection of their worker thread. The metrics tell them apart: only a read
//! through the pool has a wait for the pool.

mod answers;
mod late;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use cloakroom::store::PostgresConnection;
use diesel::Connection as _;
use diesel::connection::SimpleConnection as _;
use serde_json::json;

use crate::faults::outage::db_end_connections;
use crate::metrics::value;
use crate::support::{Engine, Person, Postgres, Request, Server, eventually};

const SETTINGS: [(&str, &str); 3] =
    [("CLOAKROOM_WORKERS", "1"), ("CLOAKROOM_DB_POOL", "8"), ("CLOAKROOM_METRICS_LISTEN", "127.0.0.1:0")];

struct World {
    server: Server,
    ada: Person,
}

/// Returns how often work has waited for a connection of the pool.
pub fn pool_uses(metrics: &str) -> f64 {
    let text = Request::new("GET", format!("{metrics}/metrics")).send().expect(200).body;
    value(&text, "cloakroom_database_wait_duration_seconds_count")
}

/// Waits until reads use no connection of the pool.
#[track_caller]
pub fn until_pipelined(metrics: &str, read: impl Fn() -> u16) {
    eventually("reads are pipelined", || {
        let before = pool_uses(metrics);
        let status = read();
        status == 200 && pool_uses(metrics) == before
    });
}

impl World {
    /// Returns `None`, with a message, without PostgreSQL.
    fn new() -> Option<Self> {
        if !Postgres::is_available() {
            return None;
        }
        let server = Server::start_with(Engine::Postgres, &SETTINGS);
        let ada = server.register("ada");
        let world = Self { server, ada };
        world.until_pipelined();
        Some(world)
    }

    fn metrics(&self) -> String {
        format!("http://{}", self.server.metrics.expect("an address"))
    }

    fn read(&self) -> u16 {
        self.server.get("/users/me").bearer(&self.ada.token).send().status
    }

    fn until_pipelined(&self) {
        until_pipelined(&self.metrics(), || self.read());
    }

    /// Ends the connection of the reads, and runs `work` while the database accepts no other one.
    fn db_without_new_connections(&self, work: impl FnOnce()) {
        let (at, name) = self.server.database_url.rsplit_once("/cloakroom_test_").expect("a test database");
        let (name, parameters) = name.split_once('?').unwrap_or((name, ""));
        let url = format!("{at}/postgres?{parameters}");
        let mut conn = PostgresConnection::establish(&url).expect("PostgreSQL answers");
        let mut run = |sql: String| conn.batch_execute(&sql).expect("it runs");
        run(format!("ALTER DATABASE cloakroom_test_{name} ALLOW_CONNECTIONS false"));
        // It ran the last look-up of a user.
        assert_eq!(self.read(), 200);
        run(format!(
            "SELECT pg_terminate_backend(pid, 5000) FROM (
                 SELECT pid FROM pg_stat_activity
                 WHERE datname = 'cloakroom_test_{name}' AND query LIKE '%FROM (\"users\"%'
                 ORDER BY query_start DESC LIMIT 1
             ) AS last"
        ));
        work();
        run(format!("ALTER DATABASE cloakroom_test_{name} ALLOW_CONNECTIONS true"));
    }

    fn db_connections(&self) -> i64 {
        let open = "SELECT count(*) AS total FROM pg_stat_activity WHERE datname = current_database()";
        self.server.db_number(open)
    }
}

#[test]
fn concurrent_reads_share_one_connection() {
    let Some(world) = World::new() else { return };
    let before = (world.db_connections(), pool_uses(&world.metrics()));
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(world.read(), 200);
                }
            });
        }
    });
    let (connections, uses) = (world.db_connections(), pool_uses(&world.metrics()));
    // A background duty may use the pool meanwhile.
    assert!(connections <= before.0 + 1, "{connections} after {}", before.0);
    assert!(uses - before.1 < 20.0, "{} of 320 reads used the pool", uses - before.1);
}

#[test]
fn terminated_connection_loses_no_read() {
    let Some(world) = World::new() else { return };
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers = [(); 8].map(|()| {
            scope.spawn(|| {
                let mut statuses = Vec::new();
                while !done.load(Ordering::Relaxed) {
                    statuses.push(world.read());
                }
                statuses
            })
        });
        for _ in 0..3 {
            assert!(db_end_connections(&world.server.database_url) > 0);
            world.until_pipelined();
        }
        done.store(true, Ordering::Relaxed);
        for reader in readers {
            let statuses = reader.join().expect("a reader");
            assert!(!statuses.is_empty() && statuses.iter().all(|status| *status == 200), "{statuses:?}");
        }
    });
}

#[test]
fn read_that_waits_survives_the_end_of_its_connection() {
    let Some(world) = World::new() else { return };
    let mut other = PostgresConnection::establish(&world.server.database_url).unwrap();
    other.batch_execute("BEGIN; LOCK TABLE users").unwrap();
    thread::scope(|scope| {
        let readers = [(); 8].map(|()| scope.spawn(|| world.read()));
        let end = "SELECT count(pg_terminate_backend(pid, 5000)) AS total FROM pg_stat_activity \
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
        eventually("a read waits", || world.server.db_number(end) > 0);
        other.batch_execute("ROLLBACK").unwrap();
        for reader in readers {
            assert_eq!(reader.join().expect("an answer"), 200);
        }
    });
    world.until_pipelined();
}

#[test]
fn changed_result_type_is_no_error() {
    let Some(world) = World::new() else { return };
    let (server, ada, admin) = (&world.server, &world.ada, world.server.admin());
    let requests = || {
        let change = server.put("/users/me/profile").bearer(&ada.token).json(&json!({ "name": "Ada" }));
        let list = server.get("/users?limit=10").bearer(&admin.token);
        [world.read(), change.send().status, list.send().status]
    };
    // Each statement is prepared.
    assert_eq!(requests(), [200; 3]);
    assert_eq!(requests(), [200; 3]);
    for kind in ["varchar(400)", "text"] {
        server.db_run(&format!("ALTER TABLE users ALTER email TYPE {kind}, ALTER profile TYPE {kind}"));
        assert_eq!(requests(), [200; 3], "{kind}");
        world.until_pipelined();
    }
}
