//! The reference of `deploy/ha` under load: the leader is killed, frozen, cut off and switched over, and etcd is paused.

use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{Ledger, on_database};
use crate::support::{Process, Reference, Request, eventually};

/// Time from a promotion until requests reach the new leader.
const FOUND: Duration = Duration::from_secs(5);

/// Waits until the server at `url` reaches another leader than `old`, and until that acknowledges changes: it waits for a
/// standby that follows it. Prints how long each took.
fn goes_on(what: &str, ledger: &Ledger, reference: &Reference, url: &str, old: &str, began: Instant) {
    reference.wait_for_another(old);
    let (promoted, before) = (Instant::now(), ledger.done());
    eventually(what, || Request::new("GET", format!("{url}/health/ready")).send().status == 200);
    let found = promoted.elapsed();
    eventually(what, || ledger.done() > before);
    println!(
        "{what}: another leader after {:.1} s, in use {:.1} s later, and a change {:.1} s later",
        promoted.duration_since(began).as_secs_f32(),
        found.as_secs_f32(),
        promoted.elapsed().as_secs_f32()
    );
    assert!(found < FOUND, "{what}: {found:?}");
}

/// Starts a replica of cloakroom.
fn replica(directory: &TempDir, settings: &[(&str, &str)], own: &[(&str, &str)]) -> Process {
    Process::start(directory.path(), &[settings, own].concat())
}

#[test]
#[ignore = "takes minutes and needs root: just torture"]
fn reference_loses_no_acknowledged_change() {
    let Some(mut reference) = Reference::start() else { return };
    let faults = reference.faults_of_member();
    assert!(faults.is_empty(), "{faults:?}");
    let (dir, database, url) = (TempDir::new().unwrap(), reference.database_url(), reference.url());
    let settings = [on_database(&database), vec![("CLOAKROOM_ISSUER", "https://id.example.org")]].concat();
    let proxy = reference.proxy();
    let replicas = reference.replicas().map(|listen| {
        replica(&dir, &settings, &[("CLOAKROOM_LISTEN", &listen), ("CLOAKROOM_TRUSTED_PROXIES", &proxy)])
    });
    eventually("haproxy uses the replicas", || {
        Request::new("GET", format!("{url}/health/ready")).send().status == 200
    });
    let ledger = Ledger::of(&url, |ledger| {
        let (leader, began) = (reference.leader(), Instant::now());
        reference.kill(leader);
        goes_on("leader killed", ledger, &reference, &url, leader, began);
        reference.start_member(leader);
        reference.wait_until_whole();

        let (leader, began) = (reference.leader(), Instant::now());
        reference.freeze(leader);
        goes_on("leader frozen", ledger, &reference, &url, leader, began);
        reference.thaw(leader);
        reference.wait_until_whole();

        let (leader, began) = (reference.leader(), Instant::now());
        reference.cut_off(leader);
        goes_on("leader cut off", ledger, &reference, &url, leader, began);
        reference.wait_until_it_gave_up(leader);
        reference.connect(leader);
        reference.wait_until_whole();

        let (leader, began) = (reference.leader(), Instant::now());
        reference.switch_over();
        goes_on("switched over", ledger, &reference, &url, leader, began);
        reference.wait_until_whole();

        reference.pause_etcd(Duration::from_secs(12));
        let (began, before) = (Instant::now(), ledger.done());
        eventually("etcd paused", || ledger.done() > before);
        println!("etcd paused for 12 s: a change {:.1} s after its end", began.elapsed().as_secs_f32());
        reference.wait_until_whole();
    });
    ledger.check(dir.path(), &settings);
    drop(replicas);
}

#[test]
#[ignore = "takes minutes and needs root: just torture"]
fn replica_finds_the_leader_behind_a_partition() {
    let Some(mut reference) = Reference::start() else { return };
    let (dir, database) = (TempDir::new().unwrap(), reference.database_of_members());
    let settings = on_database(&database);
    let server = Process::start(dir.path(), &settings);
    server.registration("reader@example.com").send().expect(201);
    let token = server.token("reader@example.com");
    let read = || server.get("/users/me/profile").bearer(&token).send();
    let ledger = Ledger::of(&server.url, |ledger| {
        let leader = reference.leader();
        // The replica alone does not reach the leader, which stays it.
        reference.without_packets_from(leader, || {
            let refused = ledger.not_done() + 10;
            while ledger.not_done() < refused {
                let began = Instant::now();
                let status = read().status;
                assert!(matches!(status, 200 | 503), "{status}");
                assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
                server.get("/health/live").send().expect(200);
            }
            assert_eq!(read().status, 503);
        });
        let (healed, before) = (Instant::now(), ledger.done());
        eventually("the replica reaches the leader again", || ledger.done() > before);
        println!("partition healed: a change after {:.1} s", healed.elapsed().as_secs_f32());
        assert_eq!(reference.leader(), leader);

        let began = Instant::now();
        reference.cut_off(leader);
        goes_on("leader cut off, without haproxy", ledger, &reference, &server.url, leader, began);
        read().expect(200);
        reference.wait_until_it_gave_up(leader);
        reference.connect(leader);
        reference.wait_until_whole();
    });
    server.request("DELETE", "/users/me").bearer(&token).send().expect(204);
    ledger.check(dir.path(), &settings);
}
