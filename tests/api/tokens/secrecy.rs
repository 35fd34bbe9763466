//! Signing keys at rest: encrypted with a master key that only its owner can read.

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

/// Returns the stored signing key.
fn db_signing_key(directory: &Path) -> SealedKey {
    let path = directory.join("cloakroom.db");
    let mut conn = SqliteConnection::establish(path.to_str().expect("UTF-8")).expect("a database");
    diesel::sql_query("SELECT kid, sealed FROM signing_keys").get_result(&mut conn).expect("one key")
}

/// Returns the bytes of the database on disk, including the write-ahead log.
fn db_bytes(directory: &Path) -> Vec<u8> {
    let files = std::fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("a file").path());
    let databases = files.filter(|path| path.to_string_lossy().contains("cloakroom.db"));
    databases.flat_map(|path| std::fs::read(path).expect("a file")).collect()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// Object identifier of each kind of key, as it follows the version in PKCS#8 (RFC 5208).
const PKCS8_PREFIXES: [&[u8]; 3] = [
    &[0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01],
    &[0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70],
    &[0x02, 0x01, 0x00, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01],
];

#[test]
fn database_holds_no_private_key_in_clear() {
    // Offset and length of the private numbers in the PKCS#8 of each kind.
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
        assert!(contains(&bytes, &key.sealed), "the search must find the encrypted key");
        assert!(
            PKCS8_PREFIXES.iter().any(|prefix| contains(&pkcs8, prefix)),
            "the search must know the plain key's format"
        );
        for secret in [&pkcs8[..], &pkcs8[start..start + length], &pkcs8[start..start + 16]] {
            assert!(!contains(&bytes, secret), "{algorithm}");
        }
        assert!(PKCS8_PREFIXES.iter().all(|prefix| !contains(&bytes, prefix)), "{algorithm}");
        assert!(!contains(&bytes, b"PRIVATE KEY"));
        assert!(!contains(&bytes, master.to_base64().as_bytes()));
    }
}

#[test]
fn master_key_is_readable_by_its_owner_only() {
    let dir = TempDir::new().unwrap();
    let server = Process::start(dir.path(), &[]);
    server.get("/health/ready").send().expect(200);
    let mode = std::fs::metadata(dir.path().join("cloakroom.master-key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn database_holds_no_password_token_or_secret() {
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
        "the search must find the public data"
    );
    let signature = token.rsplit('.').next().unwrap();
    for secret in [crate::support::PASSWORD, signature, made["client_secret"].as_str().unwrap()] {
        assert!(!contains(&bytes, secret.as_bytes()), "{secret}");
    }
}

#[test]
fn refuses_to_start_with_another_master_key() {
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
    assert!(refused(&[]).contains("sealed with another master key"));
    std::fs::write(&file, "not a key").unwrap();
    assert!(refused(&[]).contains("cloakroom.master-key is not a master key"));
    std::fs::remove_file(&file).unwrap();
    assert!(refused(&[]).contains("cloakroom.master-key cannot be read"));
    assert!(!file.exists(), "no other key may be made");
    assert!(refused(&[("CLOAKROOM_MASTER_KEY", MASTER_KEY)]).contains("sealed with another master key"));

    std::fs::write(&file, ours).unwrap();
    let server = Process::start(dir.path(), &[]);
    server.login("ada@example.com").send().expect(200);
}
