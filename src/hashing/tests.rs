use std::future::Future;
use std::sync::mpsc;
use std::thread;

use super::*;

const CHEAP: Argon2Cost = Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 };

fn hasher(cost: Argon2Cost, lanes: usize, queue: usize) -> Hasher {
    Hasher::new(cost, lanes, queue, Random::system()).unwrap()
}

pub(super) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn hash(hasher: &Hasher, password: &str) -> PasswordHash {
    wait(hasher.hash(&NewPassword::parse(password, &[]).unwrap())).ok().unwrap()
}

/// Whether it matched, and whether there is a new hash to be stored.
fn verify(hasher: &Hasher, password: &str, phc: &str) -> Result<(bool, bool), HashError> {
    let stored = PasswordHash::from_phc(phc.to_owned());
    let verdict = wait(hasher.verify(PasswordAttempt::new(password), Some(stored)))?;
    Ok((matches!(verdict, Verdict::Match { .. }), upgraded(verdict).is_some()))
}

fn upgraded(verdict: Verdict) -> Option<PasswordHash> {
    match verdict {
        Verdict::Match { upgraded } => upgraded,
        Verdict::Mismatch => None,
    }
}

const MATCH: Result<(bool, bool), HashError> = Ok((true, false));
const MATCH_BUT_UPGRADE: Result<(bool, bool), HashError> = Ok((true, true));
const MISMATCH: Result<(bool, bool), HashError> = Ok((false, false));

/// For how many KiB there is room in the one lane.
fn room(hasher: &Hasher) -> usize {
    wait(hasher.lanes.run(|memory| memory.len())).unwrap()
}

#[test]
fn a_password_matches_its_own_hash_alone() {
    let hasher = hasher(CHEAP, 1, 0);
    let stored = hash(&hasher, "mein pinguin tanzt");
    let phc = stored.expose_phc();
    assert_eq!(verify(&hasher, "mein pinguin tanzt", phc), MATCH);
    for wrong in ["mein pinguin tanz", "Mein pinguin tanzt", "", "mein pinguin tanzt\0"] {
        assert_eq!(verify(&hasher, wrong, phc), MISMATCH, "{wrong:?}");
    }
}

#[test]
fn every_byte_of_a_long_password_counts() {
    let hasher = hasher(CHEAP, 1, 0);
    let long = "xK9 ".repeat(64);
    let stored = hash(&hasher, &long);
    assert_eq!(verify(&hasher, &long, stored.expose_phc()), MATCH);
    let other = format!("{}!", &long[..long.len() - 1]);
    assert_eq!(verify(&hasher, &other, stored.expose_phc()), MISMATCH);
}

#[test]
fn a_hash_is_a_phc_string_with_a_salt_of_its_own() {
    let hasher = hasher(CHEAP, 1, 0);
    let (one, two) = (hash(&hasher, "mein pinguin tanzt"), hash(&hasher, "mein pinguin tanzt"));
    assert!(one.expose_phc().starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
    assert_eq!(one.expose_phc().len(), "$argon2id$v=19$m=64,t=1,p=1$".len() + 22 + 1 + 43);
    assert_ne!(one.expose_phc(), two.expose_phc());
}

#[test]
fn a_hash_of_the_reference_implementation_is_read() {
    // phc-winner-argon2, src/test.c: hashtest(0x13, 2, 16, 1, "password", "somesalt", …, Argon2_id)
    let reference = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    let hasher = hasher(CHEAP, 1, 0);
    assert_eq!(verify(&hasher, "password", reference), MATCH_BUT_UPGRADE);
    assert_eq!(verify(&hasher, "differentpassword", reference), MISMATCH);
}

#[test]
fn a_hash_of_another_cost_matches_and_is_to_be_upgraded() {
    for other in [
        Argon2Cost { memory_kib: 32, ..CHEAP },
        Argon2Cost { memory_kib: 128, ..CHEAP },
        Argon2Cost { passes: 2, ..CHEAP },
        Argon2Cost { lanes: 2, ..CHEAP },
    ] {
        let stored = hash(&hasher(other, 1, 0), "mein pinguin tanzt");
        let now = hasher(CHEAP, 1, 0);
        let verdict = |password| verify(&now, password, stored.expose_phc());
        assert_eq!(verdict("mein pinguin tanzt"), MATCH_BUT_UPGRADE, "{other:?}");
        assert_eq!(verdict("something else"), MISMATCH, "{other:?}");
        let attempt = PasswordAttempt::new("mein pinguin tanzt");
        let upgraded = upgraded(wait(now.verify(attempt, Some(stored))).ok().unwrap()).unwrap();
        assert_eq!(verify(&now, "mein pinguin tanzt", upgraded.expose_phc()), MATCH, "{other:?}");
    }
}

#[test]
fn where_there_is_no_hash_a_hash_is_computed_all_the_same() {
    let hasher = hasher(CHEAP, 1, 0);
    let verdict = wait(hasher.verify(PasswordAttempt::new("mein pinguin tanzt"), None));
    assert!(matches!(verdict, Ok(Verdict::Mismatch)));
    assert_eq!(room(&hasher), 64);
}

#[test]
fn a_broken_or_foreign_stored_hash_fails_without_being_computed() {
    let hasher = hasher(CHEAP, 1, 0);
    let good = hash(&hasher, "mein pinguin tanzt");
    let good = good.expose_phc();
    for broken in [
        String::new(),
        "plain text".to_owned(),
        good.replace("argon2id", "argon2i"),
        good.replace("v=19", "v=16"),
        good.replace("$v=19", ""),
        good.replace("m=64", "m=4"),
        good.replace("m=64", "m=4194305"),
        good.replace("t=1,", "t=0,"),
        good.replace("t=1,", "t=1025,"),
        good.replace("p=1", "p=17"),
        good.replace("p=1", "p=1,keyid=AAAA"),
        good.replace("m=64,", ""),
        good[..good.len() - 30].to_owned(),
        format!("{good}$"),
    ] {
        assert_eq!(verify(&hasher, "mein pinguin tanzt", &broken), Err(HashError::Failed), "{broken}");
    }
}

#[test]
fn a_cost_out_of_range_makes_no_hasher() {
    for cost in [
        Argon2Cost { memory_kib: 7, ..CHEAP },
        Argon2Cost { memory_kib: u32::MAX, ..CHEAP },
        Argon2Cost { passes: 0, ..CHEAP },
        Argon2Cost { passes: 1025, ..CHEAP },
        Argon2Cost { lanes: 0, ..CHEAP },
        Argon2Cost { lanes: 9, ..CHEAP },
    ] {
        assert!(Hasher::new(cost, 1, 0, Random::system()).is_err(), "{cost:?}");
    }
}

#[test]
fn who_comes_when_the_queue_is_full_is_turned_away_at_once() {
    let hasher = hasher(CHEAP, 1, 0);
    let (begun, has_begun) = mpsc::sync_channel(0);
    let other = hasher.clone();
    let held =
        thread::spawn(move || wait(other.lanes.run(move |_| begun.send(()).and_then(|()| begun.send(())))));
    has_begun.recv().unwrap();
    let attempt = PasswordAttempt::new("mein pinguin tanzt");
    assert_eq!(wait(hasher.verify(attempt, None)).err(), Some(HashError::Busy));
    assert_eq!(hasher.turn_away_if_full(), Err(HashError::Busy));
    assert_eq!(hasher.load().turned_away, 2, "each of them is counted");
    has_begun.recv().unwrap();
    held.join().unwrap().unwrap().unwrap();
    assert_eq!((hasher.turn_away_if_full(), hasher.load().turned_away), (Ok(()), 2));
}

#[test]
fn what_a_lane_hashes_in_is_used_again_but_not_that_of_a_costlier_hash() {
    let costly = Argon2Cost { memory_kib: 1_024, ..CHEAP };
    let stored = hash(&hasher(costly, 1, 0), "mein pinguin tanzt");
    let cheap = hasher(CHEAP, 1, 0);
    assert_eq!(room(&cheap), 0);
    hash(&cheap, "mein pinguin tanzt");
    assert_eq!(room(&cheap), 64);
    assert_eq!(verify(&cheap, "another", stored.expose_phc()), MISMATCH);
    assert_eq!(room(&cheap), 0);
}
