//! The signing keys at rest: sealed, by a master key that its owner alone can read.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use cloakroom::token::MasterKey;
use diesel::prelude::*;
use diesel::sql_types::{Binary, Text};
use tempfile::TempDir;

use crate::support::{MASTER_KEY, Process, decoded};

#[derive(QueryableByName)]
struct SealedKey {
    #[diesel(sql_type = Text)]
    kid: String,
    #[diesel(sql_type = Binary)]
    sealed: Vec<u8>,
}

/// The one signing key, as the database holds it.
fn db_signing_key(directory: &Path) -> SealedKey {
    let path = directory.join("cloakroom.db");
    let mut conn = SqliteConnection::establish(path.to_str().expect("UTF-8")).expect("a database");
    diesel::sql_query("SELECT kid, sealed FROM signing_keys").get_result(&mut conn).expect("one key")
}

/// All that the database keeps on disk, its write-ahead log too.
fn db_bytes(directory: &Path) -> Vec<u8> {
    let files = std::fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("a file").path());
    let databases = files.filter(|path| path.to_string_lossy().contains("cloakroom.db"));
    databases.flat_map(|path| std::fs::read(path).expect("a file")).collect()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// The object identifier of each kind of key, as PKCS#8 (RFC 5208) has it after its version 0.
const PKCS8_PREFIXES: [&[u8]; 3] = [
    &[0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01],
    &[0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70],
    &[0x02, 0x01, 0x00, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01],
];

#[test]
fn no_private_key_is_in_the_database_in_clear() {
    // Where the secret numbers begin in the PKCS#8 of each kind, and how long they are.
    for (algorithm, start, length) in [("ES256", 36, 32), ("EdDSA", 16, 32), ("RS256", 300, 256)] {
        let dir = TempDir::new().unwrap();
        let server = Process::start(dir.path(), &[("CLOAKROOM_SIGNING_ALGORITHM", algorithm)]);
        server.registration("ada@example.com").send().expect(201);
        let kid = decoded(&server.token("ada@example.com")).0["kid"].as_str().unwrap().to_owned();
        let key = db_signing_key(dir.path());
        assert_eq!(key.kid, kid);

        let master = std::fs::read_to_string(dir.path().join("cloakroom.master-key")).unwrap();
        let master = MasterKey::from_base64(&master).unwrap();
        let pkcs8 = master.open(&key.sealed, &format!("signing key {kid} {algorithm}")).unwrap();
        let bytes = db_bytes(dir.path());
        assert!(contains(&bytes, &key.sealed), "this looks where the key is");
        assert!(PKCS8_PREFIXES.iter().any(|prefix| contains(&pkcs8, prefix)), "and for what it is");
        for secret in [&pkcs8[..], &pkcs8[start..start + length], &pkcs8[start..start + 16]] {
            assert!(!contains(&bytes, secret), "{algorithm}");
        }
        assert!(PKCS8_PREFIXES.iter().all(|prefix| !contains(&bytes, prefix)), "{algorithm}");
        assert!(!contains(&bytes, b"PRIVATE KEY"));
        assert!(!contains(&bytes, master.to_base64().as_bytes()));
    }
}

#[test]
fn the_master_key_is_its_owners_alone() {
    let dir = TempDir::new().unwrap();
    let server = Process::start(dir.path(), &[]);
    server.get("/health/ready").send().expect(200);
    let mode = std::fs::metadata(dir.path().join("cloakroom.master-key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn neither_a_password_nor_a_token_nor_a_clients_secret_is_in_the_database() {
    let dir = TempDir::new().unwrap();
    let server = Process::start(dir.path(), &[]);
    server.registration("ada@example.com").send().expect(201);
    let token = server.token("ada@example.com");
    let arguments = ["clients", "create", "--id", "reports", "--scope", "users:read:any", "--json"];
    let made = Process::command(dir.path(), &[], &arguments).output().unwrap();
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    let bytes = db_bytes(dir.path());
    assert!(
        contains(&bytes, b"ada@example.com") && contains(&bytes, b"reports"),
        "this looks where they would be"
    );
    let signature = token.rsplit('.').next().unwrap();
    for secret in [crate::support::PASSWORD, signature, made["client_secret"].as_str().unwrap()] {
        assert!(!contains(&bytes, secret.as_bytes()), "{secret}");
    }
}

#[test]
fn a_server_whose_master_key_was_changed_does_not_start_and_says_why() {
    let dir = TempDir::new().unwrap();
    let server = Process::start(dir.path(), &[]);
    server.registration("ada@example.com").send().expect(201);
    drop(server);
    let file = dir.path().join("cloakroom.master-key");
    let ours = std::fs::read(&file).unwrap();
    let refused = |settings: &[(&str, &str)]| {
        let _ = std::fs::remove_file(dir.path().join("log"));
        let ended = Process::command(dir.path(), settings, &[]).output().unwrap();
        let said = std::fs::read_to_string(dir.path().join("log")).unwrap();
        assert_eq!((ended.status.code(), ended.stdout.as_slice()), (Some(1), b"".as_slice()), "{said}");
        said
    };

    std::fs::write(&file, MASTER_KEY).unwrap();
    assert!(refused(&[]).contains("is the master key the one that sealed it?"));
    std::fs::write(&file, "not a key").unwrap();
    assert!(refused(&[]).contains("cloakroom.master-key is not a master key"));
    std::fs::remove_file(&file).unwrap();
    assert!(refused(&[]).contains("cloakroom.master-key cannot be read"));
    assert!(!file.exists(), "no other key is made in its place");
    assert!(
        refused(&[("CLOAKROOM_MASTER_KEY", MASTER_KEY)])
            .contains("is the master key the one that sealed it?")
    );

    std::fs::write(&file, ours).unwrap();
    let server = Process::start(dir.path(), &[]);
    server.login("ada@example.com").send().expect(200);
}
