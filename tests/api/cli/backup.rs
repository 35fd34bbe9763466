//! `cloakroom backup` and `cloakroom restore`; for PostgreSQL, its own tools.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::support::{Cluster, Postgres, Process, eventually};

/// Prepares a machine with a registered user, a key and a valid backup.
fn backed_up() -> Machine {
    let machine = Machine::new();
    let mut server = Process::start(machine.path(), &[]);
    server.registration("ada@example.com").send().expect(201);
    server.terminate();
    server.wait();
    machine.done(&["backup", "copy.db"]);
    machine
}

#[test]
fn backup_during_writes_restores_completely() {
    let machine = Machine::new();
    let mut server = Process::start(machine.path(), &[]);
    for number in 0..8 {
        server.registration(&format!("user{number}@example.com")).send().expect(201);
    }
    let token = server.token("user0@example.com");
    let (stop, url) = (AtomicBool::new(false), server.url.clone());
    let made = std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 8.. {
                let body = json!({ "email": format!("user{number}@example.com"), "password": PASSWORD });
                Request::new("POST", format!("{url}/users")).json(&body).send().expect(201);
                if stop.load(Ordering::Acquire) {
                    return;
                }
            }
        });
        let made = machine.json(&["backup", "copy.db"]);
        stop.store(true, Ordering::Release);
        made
    });
    server.registration("later@example.com").send().expect(201);
    assert_eq!(
        (&made["done"], made["users"].as_u64().is_some_and(|users| users >= 8)),
        (&json!("copied"), true)
    );
    assert_eq!(made["bytes"], machine.path().join("copy.db").metadata().unwrap().len());
    server.kill();

    machine.done(&["restore", "--check", "copy.db"]);
    let restored = machine.json(&["restore", "--replace", "copy.db"]);
    assert_eq!(
        (&restored["users"], &restored["put_aside"]),
        (&made["users"], &json!("cloakroom.db.replaced-1"))
    );
    let issuer = url.as_str();
    let server = Process::start(machine.path(), &[("CLOAKROOM_ISSUER", issuer)]);
    server.get("/users/me").bearer(&token).send().expect(200);
    server.login("user7@example.com").send().expect(200);
    server.login("later@example.com").send().expect(401);
}

#[cfg(unix)]
#[test]
fn backup_is_private_and_overwrites_nothing() {
    use std::os::unix::fs::PermissionsExt as _;
    let machine = backed_up();
    let mode = machine.path().join("copy.db").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let names = std::fs::read_dir(machine.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let names: Vec<_> = names.filter(|name| name.to_string_lossy().starts_with("copy.db")).collect();
    assert_eq!(names, ["copy.db"]);
    machine.refused(&["backup", "copy.db"], &["copy.db exists already"]);
    let nothing = Machine::new();
    nothing.refused(&["backup", "copy.db"], &["the database cloakroom.db does not exist"]);
    assert_eq!(nothing.files(), 0);
}

#[test]
fn refuses_to_restore_a_damaged_backup() {
    let machine = backed_up();
    let good = std::fs::read(machine.path().join("copy.db")).unwrap();
    let live = || std::fs::read(machine.path().join("cloakroom.db")).unwrap();
    let before = live();
    let put = |bytes: &[u8]| std::fs::write(machine.path().join("bad.db"), bytes).unwrap();
    let cut = &good[..good.len() / 2];
    let mut scribbled = good.clone();
    // After the first page, where the tables are.
    scribbled[8_192..40_960].fill(0xa5);
    for bad in [cut, &scribbled, b"not a database, but text that goes on for a while", b""] {
        put(bad);
        for arguments in [["restore", "--check", "bad.db"], ["restore", "--replace", "bad.db"]] {
            machine.refused(&arguments, &["bad.db"]);
        }
    }
    machine.refused(&["restore", "copy.db"], &["cloakroom.db exists already", "--replace"]);
    machine.refused(&["restore", "--replace", "nowhere.db"], &["nowhere.db"]);
    assert_eq!(live(), before);
    assert!(!machine.path().join("cloakroom.db.restored").exists());
}

#[cfg(unix)]
#[test]
fn refuses_a_backup_of_another_key_or_version() {
    let machine = backed_up();
    let key = machine.path().join("cloakroom.master-key");
    let own = std::fs::read(&key).unwrap();
    std::fs::write(&key, crate::support::MASTER_KEY).unwrap();
    machine.refused(&["restore", "--replace", "copy.db"], &["master key"]);
    std::fs::remove_file(&key).unwrap();
    machine.refused(&["restore", "--replace", "copy.db"], &["master key", "cannot be read"]);
    assert!(!key.exists(), "a new key could open nothing");
    std::fs::write(&key, own).unwrap();
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let copy = rusqlite::Connection::open(machine.path().join("copy.db")).unwrap();
    let later = "INSERT INTO __diesel_schema_migrations (version) VALUES ('29990101000000')";
    copy.execute_batch(later).unwrap();
    machine.refused(&["restore", "--replace", "copy.db"], &["later version", "29990101000000"]);
    copy.execute_batch("DELETE FROM __diesel_schema_migrations WHERE version = '29990101000000'").unwrap();
    drop(copy);
    machine.done(&["restore", "--replace", "copy.db"]);
}

#[test]
fn refuses_a_backup_with_an_altered_audit_trail() {
    let machine = Machine::new();
    let mut server = Process::start(machine.path(), &[]);
    server.registration("ada@example.com").send().expect(201);
    eventually("a line is sealed", || {
        machine.json(&["audit", "verify"])["lines"].as_i64().is_some_and(|lines| lines > 0)
    });
    server.terminate();
    server.wait();
    machine.done(&["backup", "copy.db"]);
    let copy = rusqlite::Connection::open(machine.path().join("copy.db")).unwrap();
    assert!(copy.execute("UPDATE audit SET action = 'read'", ()).unwrap() > 0);
    drop(copy);
    machine.refused(&["restore", "--replace", "copy.db"], &["audit trail was changed", "position 1"]);
}

#[test]
fn refuses_a_backup_with_another_schema() {
    let machine = backed_up();
    let good = std::fs::read(machine.path().join("copy.db")).unwrap();
    let promote = "INSERT OR IGNORE INTO user_roles (user_id, role) VALUES (new.user_id, 'admin')";
    for (change, words) in [
        (
            &*format!("CREATE TRIGGER promote AFTER INSERT ON sessions BEGIN {promote}; END"),
            "trigger promote",
        ),
        ("CREATE VIEW people AS SELECT * FROM users", "view people"),
        ("CREATE TABLE notes (id INTEGER PRIMARY KEY)", "table notes"),
        ("CREATE INDEX by_name ON users (lower(email))", "index by_name"),
        ("ALTER TABLE users ADD COLUMN note TEXT", "table users"),
        ("DROP TABLE consents", "lacks"),
        (
            "PRAGMA writable_schema = ON; INSERT INTO sqlite_master (type, name, tbl_name, rootpage, sql) \
             VALUES ('trigger', 'sqlite_stat1', 'sessions', 0, \
             'CREATE TRIGGER sqlite_stat1 AFTER INSERT ON sessions BEGIN DELETE FROM users; END')",
            "trigger",
        ),
    ] {
        std::fs::write(machine.path().join("bad.db"), &good).unwrap();
        let copy = rusqlite::Connection::open(machine.path().join("bad.db")).unwrap();
        copy.execute_batch(change).unwrap_or_else(|error| panic!("{change}: {error}"));
        drop(copy);
        for arguments in [["restore", "--check", "bad.db"], ["restore", "--replace", "bad.db"]] {
            machine.refused(&arguments, &["bad.db", words]);
        }
    }
    machine.done(&["restore", "--replace", "copy.db"]);
}

#[test]
fn refuses_to_replace_a_database_in_use() {
    let machine = backed_up();
    let server = Process::start(machine.path(), &[]);
    server.login("ada@example.com").send().expect(200);
    machine.refused(
        &["restore", "--replace", "copy.db"],
        &["another process has the database open", "stop the server"],
    );
    server.login("ada@example.com").send().expect(200);
}

#[test]
fn postgresql_is_restored_with_its_own_tools() {
    let machine = Machine::new();
    std::fs::write(machine.path().join("key"), crate::support::MASTER_KEY).unwrap();
    let elsewhere = ["--database-url", "postgres://db.example.org/app", "--master-key-file", "key"];
    for command in ["backup", "restore"] {
        machine.refused(&[&[command, "file"], &elsewhere[..]].concat(), &["pg_dump", "pg_restore"]);
    }
    if !Postgres::is_available() {
        return;
    }
    let (from, to) = (Postgres::new_database(), Postgres::new_empty_database());
    let settings = |url: &str| {
        [("DATABASE_URL", url.to_owned()), ("CLOAKROOM_MASTER_KEY", crate::support::MASTER_KEY.to_owned())]
    };
    let start = |url: &str, issuer: Option<&str>| {
        let settings = settings(url);
        let mut settings: Vec<(&str, &str)> =
            settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        settings.extend(issuer.map(|issuer| ("CLOAKROOM_ISSUER", issuer)));
        Process::start(machine.path(), &settings)
    };
    let server = start(&from, None);
    server.registration("ada@example.com").send().expect(201);
    let (token, issuer) = (server.token("ada@example.com"), server.url.clone());
    let file = machine.path().join("dump");
    let run = |program: &str, arguments: &[&str]| {
        let program: PathBuf = Cluster::program(program).expect("it comes with PostgreSQL");
        let ran = Command::new(program).args(arguments).output().unwrap();
        assert!(ran.status.success(), "{ran:?}");
    };
    let path = file.to_str().unwrap();
    run("pg_dump", &["--format=custom", "--file", path, &from]);
    drop(server);
    run("pg_restore", &["--exit-on-error", "--no-owner", "--dbname", &to, path]);
    let server = start(&to, Some(&issuer));
    server.get("/users/me").bearer(&token).send().expect(200);
    server.login("ada@example.com").send().expect(200);
}
