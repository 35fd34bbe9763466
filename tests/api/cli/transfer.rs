//! `cloakroom users import` and `users export`.

use super::*;
use crate::support::{MASTER_KEY, Postgres, Process, on_both_engines};

/// Machine whose database is of this engine.
struct Place {
    machine: Machine,
    database: Option<String>,
}

impl Place {
    fn new(engine: crate::support::Engine) -> Self {
        let machine = Machine::with_database();
        std::fs::write(machine.path().join("cloakroom.master-key"), MASTER_KEY).unwrap();
        let database = (engine == crate::support::Engine::Postgres).then(Postgres::new_database);
        Self { machine, database }
    }

    fn run(&self, arguments: &[&str], input: &str) -> Ran {
        self.run_with_key(MASTER_KEY, arguments, input)
    }

    fn run_with_key(&self, master_key: &str, arguments: &[&str], input: &str) -> Ran {
        let mut command = self.machine.command(arguments);
        if let Some(database) = &self.database {
            command.env("DATABASE_URL", database).env("CLOAKROOM_MASTER_KEY", master_key);
        }
        finish(command.spawn().unwrap(), input)
    }

    #[track_caller]
    fn import(&self, lines: &str) -> (Value, Ran) {
        let ran = self.run(&["users", "import", "-", "--json"], lines);
        let told = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
        (told, ran)
    }

    fn export(&self, arguments: &[&str]) -> Vec<Value> {
        let ran = self.run(&[&["users", "export"], arguments].concat(), "");
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn start(&self) -> Process {
        let database =
            self.database.as_deref().map(|url| [("DATABASE_URL", url), ("CLOAKROOM_MASTER_KEY", MASTER_KEY)]);
        Process::start(self.machine.path(), database.as_ref().map_or(&[], |settings| &settings[..]))
    }
}

/// Hashes of [`PASSWORD`] by the library `bcrypt` of Python and by `openssl passwd -5`.
const BCRYPT: &str = "$2y$04$Lnzc9GBtiIIrR6To6a7aJuuCdrMnlGkPD1b3/NdsF4B9F3EuHml7m";
const SHA_CRYPT: &str = "$5$salzsalz$SGtiMT2R5lboquMRKmcs7QSRgQzVdVD0txUJrQ7cTM1";

/// Digests of [`PASSWORD`] by md5sum, sha1sum, sha256sum and sha512sum.
const MD5: &str = "a1575b44d218b889d23d06015a5e50cf";
const SHA1: &str = "90cd187c33173e53178c2e30fb84be5324381fbd";
const SHA256: &str = "ea51395a4037227b2c19b49dd916bc9af31ecda1d6b5093e3c1909a1b7d35468";
const SHA512: &str = "d3c53b935e87387e00ab3740029afbe797ed0b1d01615c6504ad23fae44681fcc2625877aace21f9b5af6bc013167153af34d57cae8c2a30aedd5000baaf465f";

/// Project and hash of `user1password` that the README of firebase/scrypt publishes.
const FIREBASE_PROJECT: &str = "hash_config {
  algorithm: SCRYPT,
  base64_signer_key: jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==,
  base64_salt_separator: Bw==,
  rounds: 8,
  mem_cost: 14,
}
";
const FIREBASE_HASH: &str = "$firebase-scrypt$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==";

fn counts(made: u64, there: u64, refused: u64) -> Value {
    json!({ "dry_run": false, "made": made, "there_already": there, "conflicts": 0, "refused": refused })
}

on_both_engines! {
    fn imported_account_logs_in_with_password_or_hash(engine: Engine) {
        let place = Place::new(engine);
        place.run(&["users", "create", "--email", "old@example.com", "--password-stdin"], PASSWORD);
        let hash = place.export(&["--with-password-hashes"])[0]["password_hash"].clone();
        let full = json!({
            "id": "019ab1f7-3c2a-7d41-9f3e-6b0d2c8a5e17", "email": "Bob@Example.com", "password_hash": hash,
            "email_verified": true, "external_id": "4711", "roles": ["support", "user"], "status": "active",
            "created_at": "2024-05-01T08:00:00.123Z", "updated_at": "2025-05-01T08:00:00.000Z",
            "last_login_at": null, "profile": { "name": "Bob Ünlü", "locale": "tr" },
        });
        let lines = format!(
            "{full}\n\n{}\r\n{}\n",
            json!({ "email": "ada@example.com", "password": PASSWORD }),
            json!({ "email": "gone@example.com", "status": "suspended" }),
        );
        let (told, ran) = place.import(&lines);
        assert_eq!((told, ran.code), (counts(3, 0, 0), Some(0)), "{}", ran.err);
        let exported = place.export(&["--with-password-hashes"]);
        let bob = exported.iter().find(|line| line["id"] == full["id"]).unwrap();
        let mut expected = full.clone();
        expected["email"] = json!("Bob@example.com");
        assert_eq!(*bob, expected);
        let ada = exported.iter().find(|line| line["email"] == "ada@example.com").unwrap();
        assert_eq!((&ada["roles"], &ada["email_verified"]), (&json!(["user"]), &json!(false)));
        assert_eq!(ada["external_id"], Value::Null);
        let server = place.start();
        server.login("bob@example.com").send().expect(200);
        server.login("ada@example.com").send().expect(200);
        server.login("gone@example.com").send().expect(401);
        let admin = place.run(&["users", "create", "--email", "root@example.com", "--role", "admin", "--password-stdin"], PASSWORD);
        assert_eq!(admin.code, Some(0));
        let trail = server.get("/audit?action=create").bearer(&server.token("root@example.com")).send().expect(200);
                let trail = trail.json();
        let made = trail["items"].as_array().unwrap().iter().filter(|line| line["resource"] == "user");
        assert_eq!(made.count(), 5, "one audit line for each new account: {trail}");
    }

    fn imported_hash_of_another_system_is_exported_as_it_is_and_replaced_at_a_login(engine: Engine) {
        let hashes = [("bcrypt", BCRYPT), ("sha", SHA_CRYPT)];
        let place = Place::new(engine);
        let line = |(name, hash): &(&str, &str)| {
            json!({ "email": format!("{name}@example.com"), "password_hash": hash }).to_string()
        };
        let lines: Vec<String> = hashes.iter().map(line).collect();
        assert_eq!(place.import(&lines.join("\n")).0, counts(2, 0, 0));
        let exported = || -> Vec<String> {
            let lines = place.export(&["--with-password-hashes"]);
            lines.iter().map(|line| line["password_hash"].as_str().unwrap().to_owned()).collect()
        };
        let before = exported();
        assert!(hashes.iter().all(|(_, hash)| before.iter().any(|kept| kept == hash)), "{before:?}");
        let server = place.start();
        for (name, _) in hashes {
            let email = format!("{name}@example.com");
            let wrong = json!({ "email": email, "password": "mein pinguin schläft" });
            server.post("/sessions").json(&wrong).send().expect(401);
            server.login(&email).send().expect(200);
            server.login(&email).send().expect(200);
        }
        assert!(exported().iter().all(|hash| hash.starts_with("$argon2id$v=19$")));
    }

    fn digest_without_a_salt_is_wrapped_at_the_import_and_replaced_at_a_login(engine: Engine) {
        let digests = [
            ("md5", MD5),
            ("django", &format!("md5$${MD5}")),
            ("sha1", SHA1),
            ("sha256", SHA256),
            ("sha512", SHA512),
        ];
        let place = Place::new(engine);
        let line = |(name, hash): &(&str, &str)| json!({ "email": format!("{name}@example.com"), "password_hash": hash }).to_string();
        let salted = line(&("salted", &format!("sha1$salt${SHA1}")));
        let lines: Vec<String> = digests.iter().map(line).chain([salted]).collect();
        let (told, ran) = place.import(&lines.join("\n"));
        assert_eq!(told, counts(5, 0, 1));
        assert!(ran.err.contains("Django's salted SHA-1"), "{ran:?}");
        let exported = || -> Vec<String> {
            let lines = place.export(&["--with-password-hashes"]);
            lines.iter().map(|line| line["password_hash"].as_str().unwrap().to_owned()).collect()
        };
        let before = exported();
        assert!(before.iter().all(|hash| hash.starts_with("$argon2id-") && hash.contains("$v=19$m=")), "{before:?}");
        assert!(digests.iter().all(|(_, digest)| !before.iter().any(|hash| hash.contains(digest))), "{before:?}");
        let server = place.start();
        for (name, _) in digests {
            let email = format!("{name}@example.com");
            let wrong = json!({ "email": email, "password": "mein pinguin schläft" });
            server.post("/sessions").json(&wrong).send().expect(401);
            server.login(&email).send().expect(200);
            server.login(&email).send().expect(200);
        }
        assert!(exported().iter().all(|hash| hash.starts_with("$argon2id$v=19$")));
    }

    fn account_of_firebase_logs_in_with_the_key_of_its_project(engine: Engine) {
        let place = Place::new(engine);
        let key_file = place.machine.path().join("firebase.txt");
        std::fs::write(&key_file, format!("\u{feff}{FIREBASE_PROJECT}")).unwrap();
        let flag = ["--firebase-key-file", key_file.to_str().unwrap()];
        let line = json!({ "email": "one@example.com", "external_id": "uid1", "password_hash": FIREBASE_HASH }).to_string();
        let import = |flags: &[&str]| place.run(&[&["users", "import", "-", "--json"], flags].concat(), &line);
        let without = import(&[]);
        assert!(without.err.contains("/password_hash is not a valid hash by Firebase's scrypt: the key of the project is missing"), "{without:?}");
        assert_eq!(import(&[flag[0], flag[1], "--dry-run"]).code, Some(0));
        let ran = import(&flag);
        assert_eq!((serde_json::from_str::<Value>(&ran.out).unwrap(), ran.code), (counts(1, 0, 0), Some(0)), "{ran:?}");
        let exported = || place.export(&["--with-password-hashes"])[0].clone();
        let sealed = exported()["password_hash"].as_str().unwrap().to_owned();
        assert!(sealed.starts_with("$firebase-scrypt$ln=14,r=8,sep=Bw,key="), "{sealed}");
        assert!(!sealed.contains("jxspr8Ki0RYycVU8zykb"), "the signer key is sealed: {sealed}");
        // An export is for a server with the same master key.
        let other = Place::new(engine);
        std::fs::write(other.machine.path().join("cloakroom.master-key"), MASTER_KEY.replace('A', "B")).unwrap();
        let refused = other.run_with_key(&MASTER_KEY.replace('A', "B"), &["users", "import", "-"], &exported().to_string());
        assert!(refused.err.contains("another master key sealed the key of the project"), "{refused:?}");
        assert_eq!(Place::new(engine).import(&exported().to_string()).0, counts(1, 0, 0));
        let server = place.start();
        let log_in = |password: &str| {
            server.post("/sessions").json(&json!({ "email": "one@example.com", "password": password })).send().status
        };
        assert_eq!((log_in("user2password"), log_in("user1password"), log_in("user1password")), (401, 200, 200));
        assert!(exported()["password_hash"].as_str().unwrap().starts_with("$argon2id$v=19$"));
        std::fs::write(&key_file, FIREBASE_PROJECT.replace("rounds: 8", "rounds: 80")).unwrap();
        let wrong = import(&flag);
        assert!(wrong.err.contains("firebase.txt: rounds must be a number from 1 to 8"), "{wrong:?}");
        let missing = import(&["--firebase-key-file", "no-such-file"]);
        assert!(missing.err.contains("no-such-file cannot be read"), "{missing:?}");
    }

    fn repeated_import_makes_no_duplicates(engine: Engine) {
        let place = Place::new(engine);
        let line = |number: usize| json!({ "email": format!("user{number}@example.com") }).to_string();
        let some: Vec<String> = (0..700).map(line).collect();
        assert_eq!(place.import(&some.join("\n")).0, counts(700, 0, 0));
        let more: Vec<String> = (300..1_300).map(line).chain([line(1_299).replace("user", "USER")]).collect();
        assert_eq!(place.import(&more.join("\n")).0, counts(600, 401, 0));
        assert_eq!(place.export(&[]).len(), 1_300);
        // An account that moved to another address is known by its external id, in the database and in the file.
        let known = |email: &str, id: &str| json!({ "email": email, "external_id": id }).to_string();
        assert_eq!(place.import(&known("old@example.com", "7")).0, counts(1, 0, 0));
        let lines = [("new@example.com", "7"), ("a@example.com", "8"), ("b@example.com", "8")].map(|(email, id)| known(email, id));
        let (told, ran) = place.import(&lines.join("\n"));
        let reported = |conflicts: u64, there: u64, made: u64| {
            json!({ "dry_run": false, "made": made, "there_already": there, "conflicts": conflicts, "refused": 0 })
        };
        assert_eq!((told, ran.code), (reported(2, 2, 1), Some(0)));
        for conflict in ["new@example.com: the address or the external_id \"7\"", "b@example.com: the address"] {
            assert!(ran.err.contains(conflict), "{ran:?}");
        }
        let lines = [known("old@example.com", "7"), known("old@example.com", "9"), line(5)].join("\n");
        assert_eq!(place.import(&lines).0, reported(1, 3, 0));
        assert_eq!(place.export(&[]).len(), 1_302);
        assert!(place.export(&[]).iter().all(|line| line.get("password_hash").is_none()));
    }

    fn export_and_import_round_trip(engine: Engine) {
        let (from, to) = (Place::new(crate::support::Engine::Sqlite), Place::new(engine));
        let lines: Vec<String> = (0..30)
            .map(|number| json!({
                "email": format!("user{number}@example.com"), "profile": { "nickname": format!("N{number}") },
                "created_at": format!("2026-01-{:02}T00:00:00.000Z", number % 28 + 1),
                "external_id": if number % 2 == 0 { json!(format!("N {number}")) } else { Value::Null },
                "roles": if number == 7 { json!(["admin"]) } else { json!(["user"]) },
            }).to_string())
            .collect();
        assert_eq!(from.import(&lines.join("\n")).0, counts(30, 0, 0));
        let exported = from.run(&["users", "export", "--with-password-hashes"], "").out;
        assert_eq!(to.import(&exported).0, counts(30, 0, 0));
        assert_eq!(to.export(&["--with-password-hashes"]), from.export(&["--with-password-hashes"]));
    }
}

#[test]
fn import_reports_invalid_lines_and_imports_the_others() {
    let place = Place::new(crate::support::Engine::Sqlite);
    let hash = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let long = format!("{{\"email\": \"a@example.com\", \"x\": \"{}\"}}", "x".repeat(100_000));
    let dear =
        json!({ "email": "a@example.com", "password_hash": hash.replace("m=64,t=1", "m=4194304,t=1024") });
    let dear = dear.to_string();
    let faulty: &[(&str, &str)] = &[
        ("not JSON", "not valid JSON"),
        ("[]", "must be a JSON object"),
        (r#"{"email": "ada"}"#, "/email must be an e-mail address"),
        (r#"{"email": "a@example.com", "email": "b@example.com"}"#, "twice"),
        (r#"{"email": "a@example.com", "password": "short"}"#, "/password must be at least 8"),
        (
            r#"{"email": "a@example.com", "password_hash": "$2b$10$abc"}"#,
            "/password_hash is not a valid hash by bcrypt: salt and digest must have 22 and 31 characters",
        ),
        (&dear, "/password_hash costs m=4194304,t=1024,p=1, more than 4 times the memory"),
        (&dear.replace("m=4194304,t=1024", "m=262144,t=1"), "/password_hash costs m=262144,t=1,p=1"),
        (&dear.replace("m=4194304,t=1024", "m=7168,t=41"), "/password_hash costs m=7168,t=41,p=1"),
        (r#"{"email": "a@example.com", "roles": ["king"]}"#, "/roles/0 is not a role"),
        (
            r#"{"email": "a@example.com", "id": "6f9619ff-8b86-4d11-b42d-00cf4fc964ff"}"#,
            "/id must be a UUID of version 7",
        ),
        (
            r#"{"email": "a@example.com", "external_id": "4711 "}"#,
            "/external_id must neither begin nor end with a space",
        ),
        (r#"{"email": "a@example.com", "external_id": 4711}"#, "/external_id must be a string"),
        (r#"{"email": "a@example.com", "created_at": "yesterday"}"#, "/created_at must be a time"),
        (r#"{"email": "a@example.com", "owner": "me"}"#, "/owner is not a known member"),
        (&long, "is longer than 64 KiB"),
    ];
    let good = |number: usize| json!({ "email": format!("good{number}@example.com") }).to_string();
    let lines: Vec<String> = faulty
        .iter()
        .enumerate()
        .flat_map(|(number, (line, _))| [(*line).to_owned(), good(number)])
        .collect();
    let two = json!({ "email": "a@example.com", "password": PASSWORD, "password_hash": hash }).to_string();
    let (told, ran) = place.import(&[lines.join("\n"), two].join("\n"));
    let (made, refused) = (faulty.len() as u64, faulty.len() as u64 + 1);
    assert_eq!((told, ran.code), (counts(made, 0, refused), Some(1)));
    for (number, (_, words)) in faulty.iter().enumerate() {
        let place = format!("error: line {}: ", number * 2 + 1);
        let line = ran
            .err
            .lines()
            .find(|line| line.starts_with(&place))
            .unwrap_or_else(|| panic!("{place}{}", ran.err));
        assert!(line.contains(words), "{line}: {words}");
    }
    assert!(ran.err.contains("/password_hash cannot be given together with a password"), "{}", ran.err);
    assert!(!ran.err.contains(PASSWORD), "a password is in no message");
}

on_both_engines! {
    fn imported_times_are_kept_as_they_are_shown(engine: Engine) {
        let place = Place::new(engine);
        let line = r#"{"email": "ada@example.com", "created_at": "2024-05-01T08:00:00.123987Z"}"#;
        // Some editors begin a file with a byte order mark.
        assert_eq!(place.import(&format!("\u{feff}{line}\n")).0, counts(1, 0, 0));
        let server = place.start();
        let admin = place.run(&["users", "create", "--email", "admin@example.com", "--role", "admin", "--password-stdin"], PASSWORD);
        assert_eq!(admin.code, Some(0), "{admin:?}");
        let token = server.token("admin@example.com");
        let list = |query: &str| server.get(&format!("/users?{query}")).bearer(&token).send().expect(200).json();
        let shown = list("email=ada@example.com")["items"][0]["created_at"].clone();
        assert_eq!(shown, "2024-05-01T08:00:00.123Z");
        let after = list("created_after=2024-05-01T08:00:00.123Z&created_before=2025-01-01T00:00:00Z");
        assert_eq!(after["items"], json!([]), "the account itself is not after its time");
    }
}

#[test]
fn dry_run_checks_every_line_and_changes_nothing() {
    let machine = Machine::new();
    std::fs::write(
        machine.path().join("users.ndjson"),
        "{\"email\": \"ada@example.com\"}\n{\"email\": \"\"}\n",
    )
    .unwrap();
    let ran = machine.run(&["users", "import", "users.ndjson", "--dry-run"]);
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (Some(1), "1 lines are valid, 1 break a rule; nothing was imported\n")
    );
    assert_eq!(machine.files(), 1, "no database may be made");
    let machine = Machine::with_database();
    machine.refused(&["users", "import", "nowhere.ndjson"], &["nowhere.ndjson cannot be read"]);
}
