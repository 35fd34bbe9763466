//! The program before runs on the schema after, under load, while replicas are exchanged one by one. Both programs are this
//! one; the schema after is that of an application with two more migrations, of which one builds an index.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use cloakroom::App;
use cloakroom::store::{Migrations, PostgresConnection};
use diesel::Connection as _;
use diesel::connection::SimpleConnection as _;
use diesel_migrations::embed_migrations;
use serde_json::json;
use tempfile::TempDir;

use crate::support::{
    Engine, MASTER_KEY, PASSWORD, Postgres, Process, Request, eventually, on_both_engines, run_program,
};

static NEXT: Migrations = Migrations {
    sqlite: embed_migrations!("tests/api/upgrades/sqlite"),
    postgres: embed_migrations!("tests/api/upgrades/postgres"),
};

#[test]
#[ignore = "a program for other tests"]
fn next_version() {
    run_program(App::new("cloakroom").migrations(&NEXT));
}

const PROGRAM: &str = "upgrades::rolling::next_version";

/// Replicas that get requests, as a load balancer knows them, and how many requests each has under way.
#[derive(Default)]
struct Balancer {
    replicas: Mutex<Vec<(SocketAddr, std::sync::Arc<AtomicUsize>)>>,
    turn: AtomicUsize,
}

impl Balancer {
    fn add(&self, replica: &Process) {
        self.replicas.lock().unwrap().push((replica.address, std::sync::Arc::default()));
    }

    /// Sends no request to this replica any more, and waits for those under way.
    fn drain(&self, replica: &Process) {
        let mut replicas = self.replicas.lock().unwrap();
        let at = replicas.iter().position(|(address, _)| *address == replica.address).expect("a replica");
        let (_, under_way) = replicas.remove(at);
        drop(replicas);
        eventually("the requests are answered", || under_way.load(Ordering::SeqCst) == 0);
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        with: impl FnOnce(Request) -> Request,
    ) -> crate::support::Answer {
        let (address, under_way) = {
            let replicas = self.replicas.lock().unwrap();
            let replica = replicas[self.turn.fetch_add(1, Ordering::SeqCst) % replicas.len()].clone();
            replica.1.fetch_add(1, Ordering::SeqCst);
            replica
        };
        let answer = with(Request::new(method, format!("http://{address}{path}"))).send();
        under_way.fetch_sub(1, Ordering::SeqCst);
        answer
    }
}

/// Logins, registrations, reads, changes and refreshes until `over`. Returns the number of requests, and those that failed.
fn load(balancer: &Balancer, user: usize, over: &AtomicBool) -> (usize, Vec<String>) {
    let (mut sent, mut failed) = (0, Vec::new());
    let mut check = |what: &str, answer: &crate::support::Answer, expected: u16| {
        sent += 1;
        if answer.status != expected {
            failed.push(format!("{what}: {} {}", answer.status, answer.body));
        }
    };
    let mut round = 0;
    while !over.load(Ordering::Relaxed) {
        round += 1;
        let login = json!({ "email": format!("user{user}-{round}@example.com"), "password": PASSWORD });
        check("register", &balancer.send("POST", "/users", |to| to.json(&login)), 201);
        let answer = balancer.send("POST", "/sessions", |to| to.json(&login));
        check("log in", &answer, 200);
        let Some(token) = answer.json()["access_token"].as_str().map(str::to_owned) else { continue };
        for _ in 0..3 {
            check("read", &balancer.send("GET", "/users/me", |to| to.bearer(&token)), 200);
            check("list", &balancer.send("GET", "/users/me/sessions", |to| to.bearer(&token)), 200);
        }
        let name = json!({ "name": "Ada" });
        check(
            "change",
            &balancer.send("PATCH", "/users/me/profile", |to| to.bearer(&token).if_match("*").json(&name)),
            200,
        );
        if round % 2 == 0 {
            check("delete", &balancer.send("DELETE", "/users/me", |to| to.bearer(&token)), 204);
        }
    }
    (sent, failed)
}

fn settings(engine: Engine, dir: &Path) -> Vec<(String, String)> {
    let url = match engine {
        Engine::Sqlite => format!("sqlite://{}", dir.join("cloakroom.db").display()),
        Engine::Postgres => Postgres::new_database(),
    };
    let own = [
        ("DATABASE_URL", url.as_str()),
        ("CLOAKROOM_MASTER_KEY", MASTER_KEY),
        ("CLOAKROOM_ISSUER", "http://127.0.0.1:8080"),
        ("CLOAKROOM_RATE_LIMITS", "off"),
        ("RUST_LOG", "warn"),
    ];
    own.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn borrowed(settings: &[(String, String)]) -> Vec<(&str, &str)> {
    settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

on_both_engines! {
    fn program_before_runs_on_the_schema_after(engine: Engine) {
        let dir = TempDir::new().unwrap();
        let settings = settings(engine, dir.path());
        let settings = borrowed(&settings);
        let (balancer, over) = (Balancer::default(), AtomicBool::new(false));
        let mut before: Vec<Process> = (0..2).map(|_| Process::start(dir.path(), &settings)).collect();
        before.iter().for_each(|replica| balancer.add(replica));
        let (sent, failed) = std::thread::scope(|scope| {
            let loads: Vec<_> = (0..2).map(|user| { let (balancer, over) = (&balancer, &over); scope.spawn(move || load(balancer, user, over)) }).collect();
            let mut after = Vec::new();
            while let Some(mut old) = before.pop() {
                // The first of them migrates, while the program before serves.
                let new = Process::start_app(PROGRAM, dir.path(), &settings);
                balancer.add(&new);
                after.push(new);
                std::thread::sleep(Duration::from_millis(700));
                if before.is_empty() {
                    // The program before restarts on the schema after.
                    balancer.drain(&old);
                    old.terminate();
                    old.wait();
                    old = Process::start(dir.path(), &settings);
                    balancer.add(&old);
                    std::thread::sleep(Duration::from_millis(700));
                }
                balancer.drain(&old);
                old.terminate();
                assert!(old.wait().success());
            }
            std::thread::sleep(Duration::from_millis(500));
            over.store(true, Ordering::Relaxed);
            let ended = loads.into_iter().map(|load| load.join().expect("answers"));
            ended.fold((0, Vec::new()), |(all, failed), (sent, more)| (all + sent, [failed, more].concat()))
        });
        assert!(failed.is_empty(), "{} of {sent}: {:?}", failed.len(), failed.iter().collect::<BTreeSet<_>>());
        assert!(sent > 50, "{sent}");
        let log = std::fs::read_to_string(dir.path().join("log")).unwrap();
        assert!(log.contains("the schema of the database is newer than this program") && log.contains("20991231000000, 20991231100000"), "{log}");
        assert!(!log.contains("ERROR"), "{log}");
    }
}

/// Number of valid and of invalid indexes of the migration.
fn indexes(url: &str) -> (i64, i64) {
    use diesel::prelude::*;

    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        valid: i64,
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        invalid: i64,
    }
    let mut conn = PostgresConnection::establish(url).unwrap();
    let query = "SELECT count(*) FILTER (WHERE indisvalid) AS valid, count(*) FILTER (WHERE NOT indisvalid) AS invalid \
                 FROM pg_index WHERE indexrelid = to_regclass('users_by_added')";
    let row: Row = diesel::sql_query(query).get_result(&mut conn).unwrap();
    (row.valid, row.invalid)
}

#[test]
fn index_is_built_without_blocking_writers_and_repaired() {
    if !Postgres::is_available() {
        return;
    }
    let dir = TempDir::new().unwrap();
    let settings = settings(Engine::Postgres, dir.path());
    let (url, settings) = (settings[0].1.clone(), borrowed(&settings));
    let migrate = || Process::command_of_app(PROGRAM, dir.path(), &settings, &["migrate"]);
    assert!(migrate().status().unwrap().success());
    let connect = || PostgresConnection::establish(&url).unwrap();
    let (mut writer, mut other) = (connect(), connect());
    other
        .batch_execute(
            "DROP INDEX users_by_added; DELETE FROM __diesel_schema_migrations WHERE version = '20991231100000'; \
             SET lock_timeout = '2s'",
        )
        .unwrap();
    // The index waits for an open transaction that writes. Other writers do not wait for the index.
    writer.batch_execute("BEGIN; LOCK TABLE users IN ROW EXCLUSIVE MODE").unwrap();
    let mut interrupted = migrate().spawn().unwrap();
    eventually("the index is being built", || indexes(&url) == (0, 1));
    other.batch_execute("UPDATE users SET added = 8").unwrap();
    other
        .batch_execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() \
             AND query LIKE 'CREATE INDEX CONCURRENTLY%' AND pid <> pg_backend_pid()",
        )
        .unwrap();
    assert!(!interrupted.wait().unwrap().success());
    assert_eq!(indexes(&url), (0, 1), "an interrupted build leaves an invalid index");
    writer.batch_execute("COMMIT").unwrap();
    let mut replicas = [migrate().spawn().unwrap(), migrate().spawn().unwrap()];
    assert!(replicas.iter_mut().all(|replica| replica.wait().unwrap().success()));
    assert_eq!(indexes(&url), (1, 0));
}
