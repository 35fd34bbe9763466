use std::future::Future;
use std::sync::mpsc;
use std::thread;

use super::*;
use crate::domain::{ChosenPassword, NewPassword, PasswordAttempt, PasswordHash, Random};

const CHEAP: Argon2Cost = Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 };

pub(super) fn hasher(cost: Argon2Cost, threads: usize, queue: usize) -> Hasher {
    Hasher::new(cost, threads, queue, Random::system()).unwrap()
}

pub(super) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

fn hash(hasher: &Hasher, password: &str) -> PasswordHash {
    wait(hasher.hash(&NewPassword::parse(password, &[]).unwrap())).ok().unwrap()
}

/// Returns whether the password matches, and whether there is a new hash to store.
fn verify(hasher: &Hasher, password: &str, phc: &str) -> Result<(bool, bool), HashError> {
    let stored = PasswordHash::from_phc(phc.to_owned());
    let verdict = wait(hasher.verify(PasswordAttempt::new(password), Some(stored)))?;
    Ok((matches!(verdict, Verdict::Match { .. }), upgraded(verdict).is_some()))
}

pub(super) fn upgraded(verdict: Verdict) -> Option<PasswordHash> {
    match verdict {
        Verdict::Match { upgraded } => upgraded,
        Verdict::Mismatch | Verdict::Unusable(_) => None,
    }
}

const MATCH: Result<(bool, bool), HashError> = Ok((true, false));
const MATCH_BUT_UPGRADE: Result<(bool, bool), HashError> = Ok((true, true));
const MISMATCH: Result<(bool, bool), HashError> = Ok((false, false));

/// Returns the buffer size of the only thread, in KiB.
fn buffer_kib(hasher: &Hasher) -> usize {
    wait(hasher.pool.run(None, |memory| memory.len())).unwrap()
}

#[test]
fn password_matches_only_its_own_hash() {
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
fn hash_is_a_phc_string_with_a_fresh_salt() {
    let hasher = hasher(CHEAP, 1, 0);
    let (one, two) = (hash(&hasher, "mein pinguin tanzt"), hash(&hasher, "mein pinguin tanzt"));
    assert!(one.expose_phc().starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
    assert_eq!(one.expose_phc().len(), "$argon2id$v=19$m=64,t=1,p=1$".len() + 22 + 1 + 43);
    assert_ne!(one.expose_phc(), two.expose_phc());
}

#[test]
fn verifies_a_hash_of_the_reference_implementation() {
    // phc-winner-argon2, src/test.c: hashtest(0x13, 2, 16, 1, "password", "somesalt", …, Argon2_id)
    let reference = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    let hasher = hasher(Argon2Cost { memory_kib: 19_456, passes: 2, lanes: 1 }, 1, 0);
    assert_eq!(verify(&hasher, "password", reference), MATCH_BUT_UPGRADE);
    assert_eq!(verify(&hasher, "differentpassword", reference), MISMATCH);
}

#[test]
fn hash_of_another_cost_matches_and_is_upgraded() {
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
fn computes_a_hash_even_without_a_stored_one() {
    let hasher = hasher(CHEAP, 1, 0);
    let verdict = wait(hasher.verify(PasswordAttempt::new("mein pinguin tanzt"), None));
    assert!(matches!(verdict, Ok(Verdict::Mismatch)));
    assert_eq!(buffer_kib(&hasher), 64);
}

#[test]
fn stored_hash_that_is_not_supported_is_a_mismatch() {
    let hasher = hasher(CHEAP, 1, 0);
    let good = hash(&hasher, "mein pinguin tanzt");
    let good = good.expose_phc();
    for broken in [
        String::new(),
        "plain text".to_owned(),
        good.replace("argon2id", "argon2"),
        good.replace("v=19", "v=18"),
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
        let why = unusable(&hasher, &broken).map(|why| why.code());
        assert_eq!(why, Some("invalid-hash"), "{broken}");
    }
    assert_eq!(buffer_kib(&hasher), 64, "it takes as long as a comparison");
}

#[test]
fn stored_hash_above_the_multiple_of_the_cost_is_not_computed() {
    let hasher = hasher(CHEAP, 1, 0);
    let good = hash(&hasher, "mein pinguin tanzt");
    let of_cost = |cost: &str| good.expose_phc().replace("m=64,t=1,p=1", cost);
    for dear in ["m=257,t=1,p=1", "m=64,t=9,p=1", "m=256,t=3,p=1", "m=4194304,t=1024,p=16"] {
        assert!(matches!(unusable(&hasher, &of_cost(dear)), Some(UnusableHash::TooCostly { .. })), "{dear}");
    }
    assert_eq!(buffer_kib(&hasher), 64, "the server never has more than its own cost in memory");
    for fair in ["m=256,t=2,p=1", "m=64,t=8,p=8", "m=8,t=64,p=1"] {
        assert_eq!(verify(&hasher, "mein pinguin tanzt", &of_cost(fair)), MISMATCH, "{fair}");
    }
}

fn unusable(hasher: &Hasher, phc: &str) -> Option<UnusableHash> {
    let stored = PasswordHash::from_phc(phc.to_owned());
    match wait(hasher.verify(PasswordAttempt::new("mein pinguin tanzt"), Some(stored))) {
        Ok(Verdict::Unusable(why)) => Some(why),
        _ => None,
    }
}

#[test]
fn refuses_a_cost_out_of_range() {
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
fn rejects_a_password_at_once_when_the_queue_is_full() {
    let hasher = hasher(CHEAP, 1, 0);
    let (begun, has_begun) = mpsc::sync_channel(0);
    let other = hasher.clone();
    let held = thread::spawn(move || {
        wait(other.pool.run(None, move |_| begun.send(()).and_then(|()| begun.send(()))))
    });
    has_begun.recv().unwrap();
    let attempt = PasswordAttempt::new("mein pinguin tanzt");
    assert_eq!(wait(hasher.verify(attempt, None)).err(), Some(HashError::Busy));
    assert_eq!(hasher.reject_if_full(), Err(HashError::Busy));
    assert_eq!(hasher.load().rejected, 2, "each rejection is counted");
    has_begun.recv().unwrap();
    held.join().unwrap().unwrap().unwrap();
    assert_eq!((hasher.reject_if_full(), hasher.load().rejected), (Ok(()), 2));
}

#[test]
fn judging_a_password_waits_in_the_queue_of_the_hashes() {
    let hasher = hasher(CHEAP, 1, 0);
    let judge = |password: &str| wait(hasher.judge(ChosenPassword::parse(password), None));
    let code = |password: &str| judge(password).map(|judged| judged.err().map(|invalid| invalid.code));
    assert_eq!(code("mein pinguin tanzt"), Ok(None));
    assert_eq!(code("password123"), Ok(Some("too-common")));
    let (begun, has_begun) = mpsc::sync_channel(0);
    let other = hasher.clone();
    let held = thread::spawn(move || {
        wait(other.pool.run(None, move |_| begun.send(()).and_then(|()| begun.send(()))))
    });
    has_begun.recv().unwrap();
    assert_eq!(code("mein pinguin tanzt"), Err(HashError::Busy));
    assert_eq!(code("short"), Ok(Some("too-short")), "it costs nothing");
    has_begun.recv().unwrap();
    held.join().unwrap().unwrap().unwrap();
}

#[test]
fn thread_reuses_its_buffer_but_not_a_larger_one() {
    let costly = Argon2Cost { memory_kib: 256, ..CHEAP };
    let stored = hash(&hasher(costly, 1, 0), "mein pinguin tanzt");
    let cheap = hasher(CHEAP, 1, 0);
    assert_eq!(buffer_kib(&cheap), 0);
    hash(&cheap, "mein pinguin tanzt");
    assert_eq!(buffer_kib(&cheap), 64);
    assert_eq!(verify(&cheap, "another", stored.expose_phc()), MISMATCH);
    assert_eq!(buffer_kib(&cheap), 0);
}

#[test]
fn digest_without_a_salt_is_stored_inside_argon2id_and_replaced_at_a_login() {
    let hasher = hasher(CHEAP, 1, 0);
    let compare = |password: &str, hash: &PasswordHash| {
        wait(hasher.verify(PasswordAttempt::new(password), Some(hash.clone()))).unwrap()
    };
    // Digests of `password`, by md5sum, sha1sum, sha256sum and sha512sum.
    for (text, name) in [
        ("5f4dcc3b5aa765d61d8327deb882cf99", "md5"),
        ("5F4DCC3B5AA765D61D8327DEB882CF99", "md5"),
        ("md5$$5f4dcc3b5aa765d61d8327deb882cf99", "md5"),
        ("{MD5}X03MO1qnZdYdgyfeuILPmQ==", "md5"),
        ("5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8", "sha1"),
        ("sha1$$5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8", "sha1"),
        ("{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "sha1"),
        ("5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8", "sha256"),
        ("{SHA256}XohImNooBHFR0OVvjcYpJ3NgPQ1qq73WKhHvch0VQtg=", "sha256"),
        (
            "b109f3bbbc244eb82441917ed06d618b9008dd09b3befd1b5e07394c706a8bb980b1d7785e5976ec049b46df5f1326af5a2ea6d103fd07c95385ffab0cacbc86",
            "sha512",
        ),
    ] {
        let imported = hasher.import(text.to_owned()).unwrap_or_else(|why| panic!("{text}: {why}"));
        let stored = wait(hasher.stored(imported)).unwrap();
        let phc = stored.expose_phc();
        assert!(phc.starts_with(&format!("$argon2id-{name}$v=19$m=")) && !phc.contains("5f4dcc"), "{phc}");
        assert!(matches!(compare("passwore", &stored), Verdict::Mismatch), "{text}");
        let upgraded = upgraded(compare("password", &stored)).unwrap_or_else(|| panic!("{text}"));
        assert!(upgraded.expose_phc().starts_with("$argon2id$"), "{text}");
        assert!(matches!(compare("password", &upgraded), Verdict::Match { upgraded: None }));
        // An export is imported again as it is.
        let again = wait(hasher.stored(hasher.import(phc.to_owned()).ok().unwrap())).unwrap();
        assert_eq!(again.expose_phc(), phc);
        // The text of the other system is no hash of this one.
        assert!(matches!(
            compare("password", &PasswordHash::from_phc(text.to_owned())),
            Verdict::Unusable(_)
        ));
    }
    for wrong in [
        "5f4dcc3b5aa765d61d8327deb882cf9",
        "{SHA}X03MO1qnZdYdgyfeuILPmQ==",
        "md5$salt$5f4dcc3b5aa765d61d8327deb882cf99",
    ] {
        assert!(hasher.import(wrong.to_owned()).is_err(), "{wrong}");
    }
}
