//! A transaction that waits for another one's lock looks at its caller again. On SQLite no transaction waits
//! for a lock after its first statement.

use std::thread;

use cloakroom::store::PostgresConnection;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use serde_json::json;

use crate::support::{Answer, Engine, Person, Postgres, Server, eventually};

#[derive(QueryableByName)]
struct Waiting {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    pid: i32,
}

fn db_waiting(conn: &mut PostgresConnection) -> Vec<i32> {
    // The key of a user for the audit trail is made in the background, and waits for the user's row too.
    let query = "SELECT pid FROM pg_stat_activity
                 WHERE datname = current_database() AND wait_event_type = 'Lock' AND query NOT LIKE '%audit_person_keys%'";
    let rows: Vec<Waiting> = diesel::sql_query(query).load(conn).expect("rows");
    rows.into_iter().map(|row| row.pid).collect()
}

/// Logs the actor out while its change of the puppet waits for a lock. `go_on` ends the wait.
fn refused_after_a_wait(go_on: impl FnOnce(&mut PostgresConnection, &mut PostgresConnection, i32)) {
    if !Postgres::is_available() {
        return;
    }
    let server = Server::start(Engine::Postgres);
    let (puppet, actor): (Person, Person) = (server.register("puppet"), server.admin());
    let connect = || PostgresConnection::establish(&server.database_url).expect("a database");
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

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    count: i64,
}

/// Returns how many transactions wait for an advisory lock.
fn db_waiting_for_a_turn(conn: &mut PostgresConnection) -> i64 {
    let query = "SELECT count(*) AS count FROM pg_stat_activity
                 WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = 'advisory'";
    diesel::sql_query(query).get_result::<Count>(conn).expect("a number").count
}

/// Sends a change by an actor, which holds up one row, and what revokes the actor, which holds up another. Only the
/// locks of the test decide which of them comes first.
struct Turns {
    server: Server,
    puppet: Person,
    actor: Person,
    other: Person,
}

impl Turns {
    fn new() -> Option<Self> {
        Postgres::is_available().then(|| {
            let server = Server::start(Engine::Postgres);
            let (puppet, actor, other) =
                (server.register("puppet"), server.admin(), server.person_with_roles("other", &["admin"]));
            Self { server, puppet, actor, other }
        })
    }

    fn connect(&self) -> PostgresConnection {
        PostgresConnection::establish(&self.server.database_url).expect("a database")
    }

    fn change(&self) -> Answer {
        let roles = self.server.put(&format!("{}/roles", self.puppet.path())).bearer(&self.actor.token);
        roles.json(&json!({ "roles": ["admin", "user"] })).send()
    }

    fn suspend(&self, by: &Person, whom: &Person) -> Answer {
        let status = self.server.put(&format!("{}/status", whom.path())).bearer(&by.token);
        status.json(&json!({ "status": "suspended" })).send()
    }

    /// Returns a transaction that holds the row of a user.
    fn db_hold(&self, person: &Person) -> PostgresConnection {
        let mut lock = self.connect();
        let row = format!("BEGIN; SELECT id FROM users WHERE id = '{}' FOR UPDATE", person.id);
        lock.batch_execute(&row).expect("a lock");
        lock
    }
}

#[test]
fn suspension_waits_for_a_change_that_has_begun() {
    let Some(turns) = Turns::new() else { return };
    let (mut watch, mut lock) = (turns.connect(), turns.db_hold(&turns.puppet));
    let (changed, suspended) = thread::scope(|scope| {
        let changing = scope.spawn(|| turns.change());
        eventually("the change waits", || db_waiting(&mut watch).len() == 1);
        let suspending = scope.spawn(|| turns.suspend(&turns.other, &turns.actor));
        eventually("the suspension waits for the change", || db_waiting_for_a_turn(&mut watch) == 1);
        lock.batch_execute("COMMIT").expect("the lock ends");
        (changing.join().expect("an answer"), suspending.join().expect("an answer"))
    });
    changed.expect(200);
    suspended.expect(200);
    turns.change().expect_problem(401, "invalid-token");
}

#[test]
fn change_waits_for_a_suspension_that_has_begun() {
    let Some(turns) = Turns::new() else { return };
    let (mut watch, mut lock) = (turns.connect(), turns.db_hold(&turns.actor));
    let (changed, suspended) = thread::scope(|scope| {
        let suspending = scope.spawn(|| turns.suspend(&turns.other, &turns.actor));
        eventually("the suspension waits", || db_waiting(&mut watch).len() == 1);
        let changing = scope.spawn(|| turns.change());
        eventually("the change waits for the suspension", || db_waiting_for_a_turn(&mut watch) == 1);
        lock.batch_execute("COMMIT").expect("the lock ends");
        (changing.join().expect("an answer"), suspending.join().expect("an answer"))
    });
    suspended.expect(200);
    changed.expect_problem(401, "invalid-token");
    let puppet = turns.server.get("/users/me").bearer(&turns.puppet.token).send().expect(200).json();
    assert_eq!(puppet["roles"], json!(["user"]));
}

#[test]
fn administrators_who_suspend_each_other_do_not_both_succeed() {
    let Some(turns) = Turns::new() else { return };
    let (one, other) = (&turns.actor, &turns.other);
    let answers = thread::scope(|scope| {
        let both = [(one, other), (other, one)].map(|(by, whom)| {
            let turns = &turns;
            scope.spawn(move || turns.suspend(by, whom))
        });
        both.map(|suspending| suspending.join().expect("an answer").status)
    });
    let mut statuses = answers.to_vec();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
}

#[test]
fn code_is_not_redeemed_in_an_earlier_epoch_of_its_client() {
    let Some(turns) = Turns::new() else { return };
    let app = turns.server.application("photos", "openid users:read");
    let code = app.code(&turns.server, &turns.puppet, &[]);
    let (mut watch, mut lock) = (turns.connect(), turns.connect());
    lock.batch_execute("BEGIN; SELECT hash FROM authorization_codes FOR UPDATE").expect("a lock");
    let redeemed = thread::scope(|scope| {
        let redeeming = scope.spawn(|| app.redeem(&turns.server, &code));
        eventually("the redemption waits", || db_waiting(&mut watch).len() == 1);
        let patch = turns.server.patch("/clients/photos").bearer(&turns.actor.token).if_match("*");
        patch.json(&json!({ "scope": "openid" })).send().expect(200);
        lock.batch_execute("COMMIT").expect("the lock ends");
        redeeming.join().expect("an answer")
    });
    assert_eq!(redeemed.expect(400).json()["error"], "invalid_grant");
}
