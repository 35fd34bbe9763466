//! PostgreSQL with a synchronous standby: the primary dies, the standby takes over.

use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{Ledger, eventually, on_database};
use crate::support::{Cluster, Postgres, Process};

fn both(primary: &Cluster, standby: &Cluster) -> String {
    let [primary, standby] = [primary, standby].map(|cluster| cluster.socket_directory().display());
    format!("postgres://postgres@/postgres?host={primary},{standby}")
}

#[test]
fn what_was_acknowledged_outlives_the_primary_and_the_standby_takes_over() {
    let Some(mut primary) = Postgres::of_its_own() else { return };
    let mut standby = primary.synchronous_standby().expect("a standby");
    let (dir, database) = (TempDir::new().unwrap(), both(&primary, &standby));
    let settings = on_database(&database);
    let server = Process::start(dir.path(), &settings);
    let ledger = Ledger::of(&server.url, |ledger| {
        let enough = ledger.done() + 20;
        eventually("enough is acknowledged", || ledger.done() >= enough);
        primary.stop();
        let refused = ledger.not_done() + 3;
        eventually("what is asked for meanwhile is refused", || ledger.not_done() >= refused);
        let (before, promoted) = (ledger.done(), Instant::now());
        standby.promote();
        eventually("the standby is written to", || ledger.done() > before);
        let took = promoted.elapsed();
        println!("in service {} ms after the promotion was asked for", took.as_millis());
        assert!(took < Duration::from_secs(10), "{took:?}");
    });
    ledger.check(dir.path(), &settings);
}

#[test]
fn a_commit_that_waits_for_a_standby_that_is_gone_is_not_acknowledged_and_reads_go_on() {
    let Some(primary) = Postgres::of_its_own() else { return };
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
    eventually("it is written to again", || server.login("ada@example.com").send().status == 200);
}
