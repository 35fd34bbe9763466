use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use zeroize::Zeroizing;

use super::super::tests::{hasher, upgraded, wait};
use super::*;
use crate::domain::{PasswordAttempt, PasswordHash};
use crate::hashing::stored_hash::StoredHash;
use crate::hashing::{Hasher, UnusableHash, Verdict};

const COST: Argon2Cost = Argon2Cost { memory_kib: 300, passes: 2, lanes: 1 };

/// Hashes by the libraries of other systems: `tests/interop/foreign_hashes.py fast`.
fn vectors() -> Vec<(String, String, String)> {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("vectors.json")).unwrap();
    let text = |vector: &Value, name: &str| vector[name].as_str().unwrap().to_owned();
    vectors.iter().map(|one| (text(one, "name"), text(one, "password"), text(one, "hash"))).collect()
}

fn vector(name: &str) -> (String, String) {
    vectors()
        .into_iter()
        .find(|(given, ..)| given == name)
        .map(|(_, password, hash)| (password, hash))
        .unwrap()
}

fn verify(hasher: &Hasher, password: &str, hash: &str) -> Verdict {
    let stored = PasswordHash::from_phc(hash.to_owned());
    wait(hasher.verify(PasswordAttempt::new(password), Some(stored))).unwrap()
}

fn matches(hasher: &Hasher, password: &str, hash: &str) -> bool {
    matches!(verify(hasher, password, hash), Verdict::Match { .. })
}

fn fault(hash: &str) -> String {
    StoredHash::parse(hash, COST).err().map(|why| why.to_string()).unwrap_or_default()
}

#[test]
fn hash_of_each_system_matches_its_password_and_no_other() {
    let hasher = hasher(COST, 1, 0);
    for (name, password, hash) in vectors() {
        assert_eq!(fault(&hash), "", "{name}");
        assert!(matches(&hasher, &password, &hash), "{name}");
        let shorter: String = password.chars().skip(1).collect();
        for wrong in ["", "mein", &shorter, &password.to_uppercase()] {
            assert!(!matches(&hasher, wrong, &hash), "{name}: {wrong}");
        }
    }
}

#[test]
fn hash_of_each_system_is_replaced_by_ours_except_a_truncated_one() {
    let hasher = hasher(COST, 1, 0);
    for (name, password, hash) in vectors() {
        let ours = upgraded(verify(&hasher, &password, &hash));
        assert_eq!(ours.is_some(), name != "bcrypt long", "{name}");
        let Some(ours) = ours else { continue };
        assert!(ours.expose_phc().starts_with("$argon2id$v=19$m=300,t=2,p=1$"), "{name}");
        assert!(matches(&hasher, &password, ours.expose_phc()), "{name}");
    }
}

#[test]
fn bcrypt_counts_72_bytes_and_takes_no_nul() {
    let hasher = hasher(COST, 1, 0);
    let (password, hash) = vector("bcrypt long");
    assert!(password.len() > 72);
    assert!(matches(&hasher, &format!("{password}, und mehr"), &hash));
    assert!(!matches(&hasher, &password[..60], &hash));
    let (password, hash) = vector("bcrypt $2b$");
    assert!(!matches(&hasher, &format!("{password}\0"), &hash));
    // bcrypt repeats the password and the zero after it, so these are the same input to it.
    assert!(!matches(&hasher, &format!("{password}\0{password}"), &hash));
}

#[test]
fn password_is_tried_as_it_was_typed_and_normalized() {
    let hasher = hasher(COST, 1, 0);
    let (composed, hash) = vector("bcrypt $2b$");
    let (decomposed, of_decomposed) = vector("bcrypt decomposed");
    assert_ne!(composed, decomposed);
    assert!(matches(&hasher, &decomposed, &hash) && matches(&hasher, &decomposed, &of_decomposed));
    assert!(!matches(&hasher, &composed, &of_decomposed), "the other system does not take it either");
    let ours = upgraded(verify(&hasher, &decomposed, &of_decomposed)).unwrap();
    assert!(matches(&hasher, &composed, ours.expose_phc()));
}

#[test]
fn password_of_any_length_is_compared_in_bounded_time() {
    let hasher = hasher(COST, 1, 0);
    let long = "x".repeat(64 * 1024);
    for (name, _, hash) in vectors() {
        assert!(!matches(&hasher, &long, &hash), "{name}");
    }
}

#[test]
fn scheme_in_braces_before_a_hash_is_ignored() {
    let hasher = hasher(COST, 1, 0);
    for (scheme, name) in [("{bcrypt}", "bcrypt $2a$"), ("{CRYPT}", "openssl $6$"), ("{ARGON2}", "argon2id")]
    {
        let (password, hash) = vector(name);
        assert!(matches(&hasher, &password, &format!("{scheme}{hash}")), "{scheme}");
    }
}

/// Project, account and password that the README of firebase/scrypt publishes.
const SIGNER_KEY: &str =
    "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==";
const FIREBASE: &str = "$firebase-scrypt$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==";

#[test]
fn firebase_hash_needs_the_signer_key_of_its_project() {
    // The test reverses the bytes in place of sealing them.
    let turned = |bytes: &[u8]| bytes.iter().rev().copied().collect::<Vec<u8>>();
    let cost = Argon2Cost { memory_kib: 4_096, passes: 1, lanes: 1 };
    let closed = hasher(cost, 1, 0);
    let hasher = closed.clone().opening_by(Arc::new(move |sealed| Some(Zeroizing::new(turned(sealed)))));
    let project = |key: &[u8]| FirebaseProject::new(&turned(key), &[7], 8, 14);
    let key = STANDARD.decode(SIGNER_KEY).unwrap();
    let hash = project(&key).complete(FIREBASE);
    assert!(!hash.contains(SIGNER_KEY) && hash.len() < 300, "{hash}");
    assert_eq!(project(&key).complete(&hash), hash, "it is complete");
    assert!(matches(&hasher, "user1password", &hash));
    assert!(!matches(&hasher, "user2password", &hash));
    assert!(upgraded(verify(&hasher, "user1password", &hash)).is_some());
    assert!(!matches(&hasher, "user1password", &project(&[1; 64]).complete(FIREBASE)));
    for (hash, words) in [
        (FIREBASE.to_owned(), "Firebase's scrypt: the key of the project is missing"),
        (hash.replace("ln=14", "ln=15"), "costs ln=15,r=8,p=1 of scrypt"),
        (hash.replace("r=8", "r=64"), "costs ln=14,r=64,p=1 of scrypt"),
        (hash.replace("sep=Bw,", ""), "Firebase's scrypt: a parameter is missing"),
        (hash.replace("sep=Bw", "sep=!"), "Firebase's scrypt: a parameter is missing, or is not base64"),
        (hash.replace("5lQ==", ""), "Firebase's scrypt: the digest must have 64 bytes"),
    ] {
        let why = hasher.import(hash.clone()).err().unwrap().to_string();
        assert!(why.contains(words), "{hash}: {why}");
    }
    let why = closed.import(hash).err().unwrap().to_string();
    assert!(why.contains("another master key sealed the key of the project"), "{why}");
}

#[test]
fn hash_above_the_ceiling_of_its_scheme_is_refused() {
    for (name, from, to) in [
        ("bcrypt $2b$", "$04$", "$15$"),
        ("bcrypt $2b$", "$04$", "$31$"),
        ("scrypt", "ln=5", "ln=12"),
        ("scrypt", "ln=5", "ln=31"),
        ("scrypt", "ln=5", "ln=63"),
        ("scrypt", "ln=5", "ln=4294967295"),
        ("scrypt", "r=8", "r=4294967295"),
        ("scrypt", "p=1", "p=4294967295"),
        ("Django scrypt", "$32$", "$2147483648$"),
        ("passlib pbkdf2-sha256", "$1000$", "$2500001$"),
        ("Keycloak pbkdf2-sha256", "i=1000", "i=1250001"),
        ("Django pbkdf2_sha256", "$1000$", "$4294967295$"),
        ("ASP.NET 3 sha512", "AQAAAAIAAAPo", "AQAAAAL/////"),
        ("passlib $6$", "rounds=1234", "rounds=1000001"),
    ] {
        let (_, hash) = vector(name);
        let dear = hash.replacen(from, to, 1);
        assert_ne!(dear, hash);
        let is_refused = matches!(StoredHash::parse(&dear, COST), Err(UnusableHash::TooCostly { .. }));
        assert!(is_refused || fault(&dear).contains("cost"), "{name} {to}: {}", fault(&dear));
    }
}

#[test]
fn malformed_hash_is_refused_with_its_scheme_and_without_its_text() {
    for (name, from, to, words) in [
        ("bcrypt $2b$", "$2b$", "$2x$", "bcrypt $2x$, which is not supported"),
        ("bcrypt $2b$", "$04$", "$4$", "bcrypt: the cost must have two digits"),
        ("bcrypt $2b$", "$04$", "$+4$", "bcrypt: the cost must have two digits"),
        ("bcrypt $2b$", "$04$", "$03$", "bcrypt: the cost must be 04 to 31"),
        ("bcrypt $2b$", "$04$", "$04$a", "bcrypt: salt and digest must have 22 and 31 characters"),
        ("scrypt", "p=1", "p=0", "scrypt: a parameter is missing, or is not a positive number"),
        ("scrypt", "p=1", "p=+1", "scrypt: a parameter is missing, or is not a positive number"),
        ("scrypt", "p=1", "p=1,p=1", "scrypt: it has a parameter that is not known, or one twice"),
        ("scrypt", ",p=1", "", "scrypt: a parameter is missing"),
        ("Django scrypt", "$32$", "$65$", "scrypt: N must be a power of two"),
        (
            "passlib pbkdf2-sha256",
            "$1000$",
            "$0$",
            "PBKDF2: a parameter is missing, or is not a positive number",
        ),
        (
            "passlib pbkdf2-sha256",
            "$1000$",
            "$-1$",
            "PBKDF2: a parameter is missing, or is not a positive number",
        ),
        ("Django pbkdf2_sha256", "$1000$", "$1000$$", "PBKDF2: iterations, salt and digest"),
        ("passlib $6$", "rounds=1234", "rounds=999", "SHA-crypt: it must have at least 1000 rounds"),
        ("openssl $6$", "$6$", "$6$salzsalzsalzsalz$", "SHA-crypt: "),
        ("openssl $5$", "$5$", "$6$", "SHA-crypt: the digest must have 43"),
        ("openssl $5$", "$5$", "$1$", "MD5-crypt, which is not supported"),
        ("openssl $5$", "$5$", "$y$", "yescrypt, which is not supported"),
        ("argon2id", "v=19", "v=20", "argon2: the version must be 16 or 19"),
        ("argon2id", "p=2", "p=2,keyid=AAAA", "argon2: it has a parameter that is not known"),
    ] {
        let (_, hash) = vector(name);
        let broken = hash.replacen(from, to, 1);
        let fault = fault(&broken);
        assert!(fault.contains(words), "{name} {to}: {fault}");
        assert!(!fault.contains(&hash[hash.len() - 12..]), "{fault}");
    }
    for (empty, words) in [
        ("$pbkdf2-sha256$i=1000$$AAAAAAAAAAAAAAAAAAAAAAAAAAAA", "PBKDF2: the salt must have 1 to 128 bytes"),
        ("pbkdf2_sha256$1000$$AAAAAAAAAAAAAAAAAAAAAAAAAAAA", "PBKDF2: the salt must have 1 to 128 bytes"),
        ("$pbkdf2-sha256$i=1000$c2FsdHNhbHQ$AAAA", "PBKDF2: the digest must have 16 to 64 bytes"),
        ("$scrypt$ln=4,r=1,p=1$c2FsdHNhbHQ$!!!!", "scrypt: the digest is not base64"),
        ("5f4dcc3b5aa765d61d8327deb882cf99", "without a salt, which only an import takes"),
        ("{SSHA}AAAA", "LDAP's salted SHA, which is not supported"),
        ("md5$ab$5f4dcc3b5aa765d61d8327deb882cf99", "Django's salted MD5, which is not supported"),
        ("sha1$ab$5f4dcc3b", "Django's salted SHA-1, which is not supported"),
        ("{FOO}AAAA", "a scheme in braces, which is not supported"),
        ("{noop}password", "a scheme in braces, which is not supported"),
        ("$P$B7GTQ1dW1vZl2xjoN4Ff3Bq0Yx0Jrl/", "phpass, which is not supported"),
        ("$wp$2y$10$abc", "WordPress's bcrypt of an HMAC, which is not supported"),
        ("$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=AA==$AA==$AA==", "--firebase-key-file"),
        ("", "must be a hash by argon2, bcrypt"),
        ("ä", "must be a hash by argon2, bcrypt"),
    ] {
        assert!(fault(empty).contains(words), "{empty}: {}", fault(empty));
    }
}
