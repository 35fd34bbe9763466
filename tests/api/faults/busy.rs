//! Overload: writers on SQLite, another process that locks the file, and logins that need hashing.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use serde_json::json;
use tempfile::TempDir;

use super::{expect_all_unavailable, expect_retry_later, expect_unavailable};
use crate::support::{Engine, PASSWORD, Process, Server};

#[test]
fn every_concurrent_writer_on_sqlite_succeeds() {
    let server = Server::start(Engine::Sqlite);
    let admin = server.admin();
    std::thread::scope(|scope| {
        for writer in 0..32 {
            let server = &server;
            scope.spawn(move || {
                for number in 0..4 {
                    let person = server.register(&format!("user{writer}.{number}"));
                    let profile = json!({ "name": format!("{writer} {number}") });
                    let path = format!("{}/profile", person.path());
                    server.put(&path).bearer(&person.token).json(&profile).send().expect(200);
                }
            });
        }
    });
    let there = server.get("/users?limit=200&q=user").bearer(&admin.token).send().expect(200);
    assert_eq!(there.json()["items"].as_array().unwrap().len(), 32 * 4);
    for writer in 0..32 {
        let token = server.log_in(&format!("user{writer}.3@example.com"));
        let profile = server.get("/users/me/profile").bearer(&token).send().expect(200);
        assert_eq!(profile.json()["name"], format!("{writer} 3"));
    }
}

/// Takes an exclusive lock on the database, as another process can.
fn db_lock(directory: &Path) -> SqliteConnection {
    let path = directory.join("cloakroom.db");
    let mut conn = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    conn.batch_execute("PRAGMA busy_timeout = 10000; BEGIN EXCLUSIVE").unwrap();
    conn
}

#[test]
fn locked_database_refuses_writes_and_serves_reads() {
    let dir = TempDir::new().unwrap();
    let server = Process::start(dir.path(), &[]);
    server.registration("ada@example.com").send().expect(201);
    let ada = server.token("ada@example.com");
    let read = || server.get("/users/me").bearer(&ada).send().expect(200);
    read();

    let mut lock = db_lock(dir.path());
    expect_unavailable("a registration", server.registration("grace@example.com"));
    read();
    let put = || server.request("PUT", "/users/me/profile").bearer(&ada).json(&json!({ "name": "Ada" }));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            expect_all_unavailable([
                ("another registration", server.registration("grace@example.com")),
                // A login attempt is counted before the password check, for known and unknown accounts alike.
                ("a login", server.login("ada@example.com")),
                ("a login to an unknown account", server.login("unknown@example.com")),
                ("a change", put()),
                ("a logout", server.request("DELETE", "/sessions/current").bearer(&ada)),
            ]);
        });
        for _ in 0..10 {
            read();
        }
    });
    read();
    server.get("/health/live").send().expect(200);
    server.get("/health/ready").send().expect(200);

    lock.batch_execute("COMMIT").unwrap();
    server.registration("grace@example.com").send().expect(201);
    let profile = server.get("/users/me/profile").bearer(&ada).send().expect(200);
    assert_eq!(profile.json()["name"], json!(null), "a refused change must not happen");
    put().send().expect(200);
}

#[test]
fn refuses_logins_beyond_the_queue_and_serves_reads() {
    let settings = [
        ("CLOAKROOM_ARGON2", "m=65536,t=8,p=1"),
        ("CLOAKROOM_HASH_LANES", "1"),
        ("CLOAKROOM_HASH_QUEUE", "1"),
    ];
    let server = Server::start_with(Engine::Sqlite, &settings);
    let ada = server.register("ada");
    let log_in = |email: &str, password: &str| {
        server.post("/sessions").json(&json!({ "email": email, "password": password })).send()
    };
    let done = AtomicBool::new(false);
    let (answers, reads) = std::thread::scope(|scope| {
        let guesses =
            [(ada.email.as_str(), PASSWORD), ("nobody@example.com", "x"), (ada.email.as_str(), "wrong")];
        let logins: Vec<_> =
            (0..12).map(|n| scope.spawn(move || log_in(guesses[n % 3].0, guesses[n % 3].1))).collect();
        let reader = scope.spawn(|| {
            let mut reads = 0;
            while !done.load(Ordering::Relaxed) {
                server.get("/users/me").bearer(&ada.token).send().expect(200);
                server.get("/health/ready").send().expect(200);
                reads += 1;
            }
            reads
        });
        let answers: Vec<_> = logins.into_iter().map(|login| login.join().unwrap()).collect();
        done.store(true, Ordering::Relaxed);
        (answers, reader.join().unwrap())
    });
    let (busy, served): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 503);
    println!("{} served, {} refused, {reads} reads meanwhile", served.len(), busy.len());
    assert!(!busy.is_empty() && served.len() >= 2 && reads > 0);
    assert!(served.iter().all(|answer| matches!(answer.status, 200 | 401)), "{served:?}");
    for answer in busy {
        expect_retry_later(answer, "busy");
    }
    // The hashing thread is free again.
    assert_eq!(log_in(&ada.email, PASSWORD).status, 200);
}

#[test]
fn registration_beyond_the_queue_makes_no_account() {
    let settings = [
        ("CLOAKROOM_ARGON2", "m=65536,t=8,p=1"),
        ("CLOAKROOM_HASH_LANES", "1"),
        ("CLOAKROOM_HASH_QUEUE", "1"),
    ];
    let server = Server::start_with(Engine::Sqlite, &settings);
    let register = |number: usize| {
        let body = json!({ "email": format!("user{number}@example.com"), "password": PASSWORD });
        server.post("/users").json(&body).send()
    };
    let answers: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|number| scope.spawn(move || register(number))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let refused: Vec<usize> = (0..8).filter(|number| answers[*number].status == 503).collect();
    // A registration takes a place twice: for the estimate of its password and for the hash.
    assert!(!refused.is_empty() && refused.len() <= 7, "{answers:?}");
    for answer in answers {
        match answer.status {
            201 => {}
            _ => expect_retry_later(answer, "busy"),
        }
    }
    register(refused[0]).expect(201);
}

#[test]
fn crowd_of_one_network_keeps_no_other_network_out() {
    let settings = [
        ("CLOAKROOM_ARGON2", "m=65536,t=4,p=1"),
        ("CLOAKROOM_HASH_LANES", "1"),
        ("CLOAKROOM_HASH_QUEUE", "4"),
        ("CLOAKROOM_TRUSTED_PROXIES", "127.0.0.1"),
    ];
    let server = Server::start_with(Engine::Sqlite, &settings);
    let (ada, grace) = (server.register("ada"), server.register("grace"));
    let log_in = |from: &str, email: &str| {
        let body = json!({ "email": email, "password": PASSWORD });
        server.post("/sessions").header("x-forwarded-for", from).json(&body).send()
    };
    let done = AtomicBool::new(false);
    let (crowd, single) = std::thread::scope(|scope| {
        let crowd: Vec<_> = (1..=8)
            .map(|host| {
                let (log_in, done, email) = (&log_in, &done, &ada.email);
                // The hosts of an IPv6 network are one client.
                let from = format!("2001:db8::{host:x}");
                let again = move || (!done.load(Ordering::Relaxed)).then(|| log_in(&from, email));
                scope.spawn(move || std::iter::from_fn(again).collect::<Vec<_>>())
            })
            .collect();
        let single: Vec<_> = (1..=8)
            .map(|host| match host % 4 {
                0 => {
                    let body = json!({ "email": format!("new{host}@example.com"), "password": PASSWORD });
                    server.post("/users").header("x-forwarded-for", "198.51.100.9").json(&body).send()
                }
                _ => log_in(&format!("198.51.100.{host}"), &grace.email),
            })
            .collect();
        done.store(true, Ordering::Relaxed);
        (crowd.into_iter().flat_map(|one| one.join().unwrap()).collect::<Vec<_>>(), single)
    });
    assert!(crowd.iter().any(|answer| answer.status == 503), "the queue was full");
    for answer in single {
        assert!(matches!(answer.status, 200 | 201), "{answer:?}");
    }
}
