//! Entries of earlier versions, whose personal members are in clear: the server seals them, and the chain stays valid.

use std::fmt::Write as _;

use aws_lc_rs::{hkdf, hmac};
use serde_json::Value;
use uuid::Uuid;

use super::chain::{faults, sealed, verify};
use crate::support::{Engine, Person, Server, eventually, on_both_engines};

/// Number of entries; more than two batches.
const ENTRIES: usize = 600;

/// An entry as earlier versions wrote it.
#[derive(Clone, Default)]
struct Old {
    id: Uuid,
    at: i64,
    action: &'static str,
    owner: Option<Uuid>,
    actor: Option<String>,
    address: Option<&'static str>,
    inputs: Option<&'static str>,
}

/// Derives a key from the master key of the tests by HKDF-SHA256.
fn derived(purpose: &str) -> [u8; 32] {
    let master: Vec<u8> = (0..32).collect();
    let mut key = [0; 32];
    let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"cloakroom");
    salt.extract(&master).expand(&[purpose.as_bytes()], hkdf::HKDF_SHA256).unwrap().fill(&mut key).unwrap();
    key
}

/// Returns the seal that earlier versions made of an entry.
fn seal(before: &[u8], position: i64, entry: &Old) -> Vec<u8> {
    let mut hash = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &derived("audit")));
    let mut write = |bytes: Option<&[u8]>| {
        let Some(bytes) = bytes else { return hash.update(&[0]) };
        hash.update(&[1]);
        hash.update(&(bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    write(Some(before));
    write(Some(&position.to_be_bytes()));
    write(Some(entry.id.as_bytes()));
    write(Some(&entry.at.to_be_bytes()));
    write(Some(&1_i64.to_be_bytes()));
    write(entry.owner.as_ref().map(|owner| owner.as_bytes().as_slice()));
    for text in ["done", entry.action, "user"] {
        write(Some(text.as_bytes()));
    }
    // No reason, no record; the actor; no client, no token; the address; no request; the inputs.
    let texts = [None, None, entry.actor.as_deref(), None, None, entry.address, None, entry.inputs];
    texts.into_iter().for_each(|text| write(text.map(str::as_bytes)));
    hash.sign().as_ref().to_vec()
}

fn entries(ada: &Person, bob: &Person) -> Vec<Old> {
    let [ada, bob] = [ada, bob].map(|person| person.id.parse::<Uuid>().unwrap());
    let kinds = [
        Old {
            action: "create",
            owner: Some(ada),
            address: Some("192.0.2.10"),
            inputs: Some(r#"{"route":"POST /users"}"#),
            ..Old::default()
        },
        Old { action: "set_status", owner: Some(ada), actor: Some("operator".to_owned()), ..Old::default() },
        Old {
            action: "read",
            owner: Some(ada),
            actor: Some(format!("user:{bob}")),
            address: Some("192.0.2.20"),
            inputs: Some(
                r#"{"route":"GET /users","scope":"users:read","roles":["support"],"query":"q=ada"}"#,
            ),
            ..Old::default()
        },
        Old { action: "authenticate", address: Some("192.0.2.30"), ..Old::default() },
        // Of a user who was deleted before.
        Old {
            action: "update",
            actor: Some(format!("user:{}", Uuid::from_u128(77))),
            address: Some("192.0.2.40"),
            inputs: Some("{}"),
            ..Old::default()
        },
    ];
    let start = 1_790_000_000_000_000_i64;
    let numbered = kinds.into_iter().cycle().take(ENTRIES).enumerate().map(|(number, old)| {
        let at = start + i64::try_from(number).unwrap() * 1_000;
        let id = Uuid::from_u128(
            (u128::try_from(at / 1_000).unwrap() << 80) | (7 << 76) | (2 << 62) | number as u128,
        );
        Old { id, at, ..old }
    });
    numbered.collect()
}

/// Replaces the trail by entries of an earlier version.
fn db_write(server: &Server, entries: &[Old]) {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let is_sqlite = server.engine == Engine::Sqlite;
    let bytes =
        |bytes: &[u8]| if is_sqlite { format!("x'{}'", hex(bytes)) } else { format!("'\\x{}'", hex(bytes)) };
    let id = |id: &Uuid| if is_sqlite { bytes(id.as_bytes()) } else { format!("'{id}'") };
    let text = |text: Option<&str>| text.map_or_else(|| "NULL".to_owned(), |text| format!("'{text}'"));
    let mut sql =
        "BEGIN; DELETE FROM audit; DELETE FROM audit_seals; DELETE FROM audit_person_keys;".to_owned();
    let mut before = vec![0; 32];
    for (position, entry) in (1..).zip(entries) {
        before = seal(&before, position, entry);
        let at = match is_sqlite {
            true => entry.at.to_string(),
            false => format!("timestamptz 'epoch' + interval '1 microsecond' * {}", entry.at),
        };
        let owner = entry.owner.as_ref().map_or_else(|| "NULL".to_owned(), id);
        let (actor, address, inputs) =
            (text(entry.actor.as_deref()), text(entry.address), text(entry.inputs));
        write!(
            sql,
            "INSERT INTO audit (id, at, outcome, action, resource, owner_id, actor, address, count, inputs, position) \
             VALUES ({}, {at}, 'done', '{}', 'user', {owner}, {actor}, {address}, 1, {inputs}, {position}); \
             INSERT INTO audit_seals (position, seal) VALUES ({position}, {});",
            id(&entry.id),
            entry.action,
            bytes(&before),
        )
        .unwrap();
    }
    // As the update to this version does, so that free parts of pages have no copies.
    let vacuum = if is_sqlite { "VACUUM;" } else { "" };
    server.db_run(&format!("{sql} COMMIT; {vacuum}"));
}

fn in_clear(server: &Server) -> i64 {
    server.db_number("SELECT count(*) AS total FROM audit WHERE address LIKE '192.%' OR inputs LIKE '{%'")
}

fn prepared(engine: Engine) -> (Server, String) {
    let server = Server::start(engine);
    let (ada, bob) = (server.register("ada"), server.register("bob"));
    let auditor = server.client_token("auditor", "audit:read:any");
    sealed(&server);
    db_write(&server, &entries(&ada, &bob));
    (server, auditor)
}

on_both_engines! {
    fn old_entries_are_sealed_and_their_chain_stays_valid(engine: Engine) {
        let (server, auditor) = prepared(engine);
        let before = verify(&server);
        assert_eq!(before["sound"], true, "{before}");
        let head = before["head"].as_str().unwrap().to_owned();
        assert!(head.starts_with("600:"), "{head}");
        let server = server.restart();
        eventually("nothing is in clear", || in_clear(&server) == 0);
        let after = sealed(&server);
        assert_eq!((&after["sound"], after["lines"].as_i64() > Some(600)), (&Value::Bool(true), true), "{after}");
        server.operator(&["audit", "verify", "--anchor", &head]);
        eventually("neither a row nor a byte of the file has an address", || !server.db_everything().contains("192.0.2."));
        let find = |filter: &str| {
            let page = server.get(&format!("/audit?limit=200&{filter}")).bearer(&auditor).send().expect(200).json();
            page["items"].as_array().cloned().unwrap()
        };
        let by_bob = find("address=192.0.2.20");
        assert_eq!(by_bob.len(), ENTRIES / 5);
        assert_eq!((&by_bob[0]["query"], &by_bob[0]["scope"]), (&"q=ada".into(), &"users:read".into()));
        assert_eq!((find("address=192.0.2.10").len(), find("address=192.0.2.30").len()), (ENTRIES / 5, ENTRIES / 5));
        let of_deleted = find("action=update");
        assert!(of_deleted.iter().all(|entry| entry["erased"] == true && entry["address"].is_null()), "{of_deleted:?}");
        let recorded = find("action=seal");
        assert_eq!((recorded.len(), &recorded[0]["resource"]), (1, &"audit_trail".into()), "{recorded:?}");
        // A change of a sealed entry, and of its second seal, is detected.
        server.db_run("UPDATE audit SET action = 'delete' WHERE position = 3; UPDATE audit_seals SET resealed = NULL WHERE position = 6");
        let told = faults(&server, &[]);
        assert!(told.contains("position 3, entry") && told.contains("position 6, entry"), "{told}");
        assert_eq!(told.matches("wrong ").count(), 2, "{told}");
    }

    fn changed_chain_is_not_sealed_until_the_operator_says_so(engine: Engine) {
        let (server, _) = prepared(engine);
        server.db_run("UPDATE audit SET address = '192.0.2.99' WHERE position = 303");
        let server = server.restart();
        let failing = "SELECT count(*) AS total FROM job_leases WHERE name LIKE '%audit-old-entries' AND failing > 0 \
                       AND error LIKE '%position 303, entry%'";
        eventually("the duty fails", || server.db_number(failing) == 1);
        assert!(in_clear(&server) > 300);
        let refused = server.operator_refused(&["audit", "seal"]);
        assert!(refused.contains("position 303, entry") && refused.contains("--despite-faults"), "{refused}");
        assert!(in_clear(&server) > 300);
        server.operator(&["audit", "seal", "--despite-faults"]);
        assert_eq!(in_clear(&server), 0);
        let told = faults(&server, &[]);
        assert!(told.contains("position 303, entry"), "{told}");
        assert_eq!(told.matches("wrong ").count(), 1, "{told}");
        eventually("the duty succeeds", || server.db_number(failing) == 0);
    }
}
