//! PostgreSQL with a synchronous standby: the primary fails, and the standby is promoted.

use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{Ledger, eventually, on_database};
use crate::support::{Cluster, Postgres, Process};

fn both(primary: &Cluster, standby: &Cluster) -> String {
    let [primary, standby] = [primary, standby].map(|cluster| cluster.socket_directory().display());
    format!("postgres://postgres@/postgres?host={primary},{standby}")
}

#[test]
fn acknowledged_changes_survive_a_failover() {
    let Some(mut primary) = Postgres::dedicated_cluster() else { return };
    let mut standby = primary.synchronous_standby().expect("a standby");
    let (dir, database) = (TempDir::new().unwrap(), both(&primary, &standby));
    let settings = on_database(&database);
    let server = Process::start(dir.path(), &settings);
    let ledger = Ledger::of(&server.url, |ledger| {
        let enough = ledger.done() + 20;
        eventually("enough is acknowledged", || ledger.done() >= enough);
        primary.stop();
        let refused = ledger.not_done() + 3;
        eventually("requests during the fault are refused", || ledger.not_done() >= refused);
        let (before, promoted) = (ledger.done(), Instant::now());
        standby.promote();
        eventually("the standby accepts writes", || ledger.done() > before);
        let took = promoted.elapsed();
        println!("in service {} ms after the promotion", took.as_millis());
        assert!(took < Duration::from_secs(10), "{took:?}");
    });
    ledger.check(dir.path(), &settings);
}

#[test]
fn commit_without_its_standby_is_not_acknowledged() {
    let Some(primary) = Postgres::dedicated_cluster() else { return };
    let mut standby = primary.synchronous_standby().expect("a standby");
    let (dir, database) = (TempDir::new().unwrap(), primary.url().replace("{}", "postgres"));
    let server = Process::start(dir.path(), &on_database(&database));
    server.registration("ada@example.com").send().expect(201);
    let token = server.token("ada@example.com");
    standby.stop();
    std::thread::scope(|scope| {
        for number in 0..20 {
            let server = &server;
            scope.spawn(move || {
                let answer = server.registration(&format!("user{number}@example.com")).send();
                let code = answer.json()["code"].as_str().unwrap_or_default().to_owned();
                assert!(matches!(code.as_str(), "outcome-unknown" | "unavailable" | "busy"), "{answer:?}");
            });
        }
        for _ in 0..20 {
            server.get("/users/me").bearer(&token).send().expect(200);
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    standby.start_again();
    eventually("the server accepts writes again", || server.login("ada@example.com").send().status == 200);
}
