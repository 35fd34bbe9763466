//! A transaction that waits for another one's lock looks at its caller again. On SQLite no transaction waits
//! for a lock after its first statement.

use std::thread;

use diesel::PgConnection;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use serde_json::json;

use crate::support::{Answer, Engine, Person, Postgres, Server, eventually};

#[derive(QueryableByName)]
struct Waiting {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    pid: i32,
}

fn db_waiting(conn: &mut PgConnection) -> Vec<i32> {
    let query =
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let rows: Vec<Waiting> = diesel::sql_query(query).load(conn).expect("rows");
    rows.into_iter().map(|row| row.pid).collect()
}

/// Logs the actor out while its change of the puppet waits for a lock. `go_on` ends the wait.
fn refused_after_a_wait(go_on: impl FnOnce(&mut PgConnection, &mut PgConnection, i32)) {
    if !Postgres::is_available() {
        return;
    }
    let server = Server::start(Engine::Postgres);
    let (puppet, actor): (Person, Person) = (server.register("puppet"), server.admin());
    let connect = || PgConnection::establish(&server.database_url).expect("a database");
    let (mut lock, mut watch) = (connect(), connect());
    lock.batch_execute(&format!("BEGIN; SELECT id FROM users WHERE id = '{}' FOR UPDATE", puppet.id))
        .expect("a lock");
    let answer: Answer = thread::scope(|scope| {
        let suspend = || {
            let status = server.put(&format!("{}/status", puppet.path())).bearer(&actor.token);
            status.json(&json!({ "status": "suspended" })).send()
        };
        let suspending = scope.spawn(suspend);
        eventually("the change waits", || !db_waiting(&mut watch).is_empty());
        let pid = db_waiting(&mut watch).first().copied().expect("a waiting transaction");
        server.delete("/sessions/current").bearer(&actor.token).send().expect(204);
        // Older than the look that a transaction may rely on.
        thread::sleep(std::time::Duration::from_millis(150));
        go_on(&mut lock, &mut watch, pid);
        suspending.join().expect("an answer")
    });
    answer.expect_problem(401, "invalid-token");
    let own = server.get("/users/me").bearer(&puppet.token).send().expect(200).json();
    assert_eq!(own["status"], "active");
}

#[test]
fn a_wait_for_a_lock_ends_with_another_look() {
    refused_after_a_wait(|lock, _, _| lock.batch_execute("COMMIT").expect("the lock ends"));
}

#[test]
fn a_retry_looks_again() {
    refused_after_a_wait(|lock, watch, pid| {
        watch.batch_execute(&format!("SELECT pg_terminate_backend({pid})")).expect("it is terminated");
        lock.batch_execute("COMMIT").expect("the lock ends");
    });
}
