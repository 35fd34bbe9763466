//! A connection on which no answer comes: its host hangs, or a statement waits for a lock.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use cloakroom::store::PostgresConnection;
use diesel::Connection as _;
use diesel::connection::SimpleConnection as _;
use tempfile::TempDir;

use super::{World, until_pipelined};
use crate::faults::{expect_unavailable, on_database};
use crate::support::{Postgres, Process, eventually, free_port};

#[test]
fn hanging_host_holds_no_worker_thread() {
    let Some(cluster) = Postgres::dedicated_cluster() else { return };
    let (dir, url) = (TempDir::new().unwrap(), cluster.url().replace("{}", "postgres"));
    let listen = format!("127.0.0.1:{}", free_port());
    let own = [("CLOAKROOM_WORKERS", "1"), ("CLOAKROOM_METRICS_LISTEN", listen.as_str())];
    let server = Process::start(dir.path(), &[on_database(&url).as_slice(), &own].concat());
    server.registration("ada@example.com").send().expect(201);
    let token = server.token("ada@example.com");
    let read = || server.get("/users/me").bearer(&token);
    until_pipelined(&format!("http://{listen}"), || read().send().status);

    let frozen = cluster.freeze();
    let is_answered = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers = [(); 8].map(|()| {
            scope.spawn(|| {
                expect_unavailable("a read", read());
                is_answered.store(true, Ordering::Relaxed);
            })
        });
        // There is one worker thread, and it goes on.
        for _ in 0..5 {
            server.get("/.well-known/jwks.json").send().expect(200);
            assert!(!is_answered.load(Ordering::Relaxed), "the public keys waited for the database");
        }
        for reader in readers {
            reader.join().expect("a reader");
        }
    });
    expect_unavailable("a read without its connection", read());
    drop(frozen);
    eventually("reads work", || read().send().status == 200);
    until_pipelined(&format!("http://{listen}"), || read().send().status);
}

#[test]
fn read_does_not_wait_behind_late_ones() {
    let Some(world) = World::new() else { return };
    let (server, admin) = (&world.server, world.server.admin());
    let mut other = PostgresConnection::establish(&server.database_url).unwrap();
    let db_waiting = || {
        let waiting = "SELECT count(*) AS total FROM pg_stat_activity \
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        server.db_number(waiting)
    };
    other.batch_execute("BEGIN; LOCK TABLE clients").unwrap();
    thread::scope(|scope| {
        let client = || expect_unavailable("a client", server.get("/clients/x").bearer(&admin.token));
        // Together they would wait longer than a request may.
        let late = [(); 4].map(|()| scope.spawn(client));
        eventually("the read of a client waits", || db_waiting() > 0);
        assert_eq!(world.read(), 200);
        assert!(late.iter().all(|one| !one.is_finished()), "it waited for the other reads");
        for one in late {
            one.join().expect("an answer");
        }
    });
    eventually("no statement is left behind", || db_waiting() == 0);
    other.batch_execute("ROLLBACK").unwrap();
    world.until_pipelined();
}
