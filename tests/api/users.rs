//! `/users` and `/users/{id}`.

use serde_json::{Value, json};

use crate::support::{PASSWORD, Person, on_both_engines};

on_both_engines! {
    fn registration_returns_account_location_and_etag(server) {
        let body = json!({ "email": "Ada@Example.com", "password": "a most unusual passphrase", "profile": { "name": "Ada" } });
        let answer = server.post("/users").json(&body).send().expect(201);
        let user = answer.json();
        let id = user["id"].as_str().unwrap();
        assert_eq!(answer.header("location"), Some(format!("{}/users/{id}", server.url).as_str()));
        assert!(answer.etag().starts_with("\"1-"));
        assert_eq!(user["email"], "Ada@example.com");
        assert_eq!(user["email_verified"], false);
        assert_eq!(user["status"], "active");
        assert_eq!(user["roles"], json!(["user"]));
        assert_eq!(user["last_login_at"], Value::Null);
        assert_eq!(id.as_bytes()[14], b'7', "ids are UUIDv7");
        assert!(!answer.body.contains("argon2") && !answer.body.contains("passphrase"));
    }

    fn address_is_unique_regardless_of_case_and_normalization(server) {
        server.register("emile");
        for email in ["EMILE@example.com", " emile@EXAMPLE.COM "] {
            let body = json!({ "email": email, "password": "a most unusual passphrase" });
            let taken = server.post("/users").json(&body).send().expect_problem(409, "email-taken");
            assert_eq!(taken.broken_rules(), [("/email".to_owned(), "taken".to_owned())]);
        }
        let composed = json!({ "email": "\u{c9}mile@example.com", "password": "a most unusual passphrase" });
        server.post("/users").json(&composed).send().expect(201);
        let decomposed = json!({ "email": "e\u{301}mile@example.com", "password": "a most unusual passphrase" });
        server.post("/users").json(&decomposed).send().expect_problem(409, "email-taken");
    }

    fn concurrent_registrations_make_one_account(server) {
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let register = || {
                let body = json!({ "email": "one@example.com", "password": "a most unusual passphrase" });
                server.post("/users").json(&body).send().status
            };
            let threads: Vec<_> = (0..50).map(|_| scope.spawn(register)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
        assert!(statuses.iter().all(|status| matches!(status, 201 | 409)), "{statuses:?}");
    }

    fn registration_reports_every_broken_rule(server) {
        let body = json!({ "email": "no address", "password": "short", "profile": { "birthdate": "yesterday", "sub": "x" },
            "id": "mine", "roles": ["admin"], "nick": 1 });
        let answer = server.post("/users").json(&body).send().expect_problem(422, "invalid-body");
        let mut broken: Vec<_> = answer.broken_rules();
        broken.sort();
        let expected = [("/email", "invalid-email"), ("/id", "read-only"), ("/nick", "unknown"),
            ("/password", "too-short"), ("/profile/birthdate", "invalid-date"), ("/profile/sub", "unknown"),
            ("/roles", "read-only")];
        assert_eq!(broken, expected.map(|(pointer, code)| (pointer.to_owned(), code.to_owned())));
    }

    fn only_who_may_create_users_gives_a_hash_in_place_of_a_password(server) {
        let (admin, hash) = (server.admin(), "$5$salzsalz$7WowWznA3mI7QOxCwSloaUD0U0U1/CbMbXGqK.54Pl2");
        let create = |email: &str, members: serde_json::Value| {
            let mut body = json!({ "email": format!("{email}@example.com") });
            body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
            server.post("/users").json(&body)
        };
        let broken = |answer: crate::support::Answer| {
            let rules = answer.expect_problem(422, "invalid-body").broken_rules();
            rules.into_iter().map(|(pointer, code)| format!("{pointer} {code}")).collect::<Vec<_>>()
        };
        let made = create("one", json!({ "password_hash": hash })).bearer(&admin.token).send().expect(201);
        assert!(!made.body.contains("$5$") && !made.body.contains("password_hash"), "{made:?}");
        let log_in = json!({ "email": "one@example.com", "password": "mein pinguin tänzt 🐧" });
        server.post("/sessions").json(&log_in).send().expect(200);
        let both = json!({ "password": "a most unusual passphrase", "password_hash": hash });
        assert_eq!(broken(create("two", both.clone()).bearer(&admin.token).send()), ["/password_hash two-passwords"]);
        for anyone in [create("two", json!({ "password_hash": hash })).send(), {
            let ada = server.register("ada");
            create("two", json!({ "password_hash": hash })).bearer(&ada.token).send()
        }] {
            let rules = broken(anyone);
            assert!(rules.contains(&"/password_hash read-only".to_owned()), "{rules:?}");
            assert!(rules.contains(&"/password required".to_owned()), "{rules:?}");
        }
        let refused = |hash: &str| {
            let answer = create("two", json!({ "password_hash": hash })).bearer(&admin.token).send();
            assert!(!answer.body.contains("N9qo8uLOickgx2ZM"), "{answer:?}");
            broken(answer)
        };
        assert_eq!(refused("$2b$15$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"), ["/password_hash too-costly-hash"]);
        assert_eq!(refused("$2x$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"), ["/password_hash invalid-hash"]);
        assert_eq!(refused(""), ["/password_hash invalid-hash"]);
        let none = create("two", json!({ "password_hash": null })).bearer(&admin.token).send();
        assert!(broken(none).contains(&"/password_hash required".to_owned()));
    }

    fn owner_reads_own_record_by_id_and_as_me(server) {
        let ada = server.register("ada");
        let by_id = server.get(&ada.path()).bearer(&ada.token).send().expect(200);
        let as_me = server.get("/users/me").bearer(&ada.token).send().expect(200);
        assert_eq!(by_id.body, as_me.body);
        assert_eq!(by_id.header("cache-control"), Some("no-store"));
        assert!(by_id.json()["last_login_at"].as_str().unwrap().ends_with('Z'));
        server.request("HEAD", &ada.path()).bearer(&ada.token).send().expect(200);
    }

    fn actions_list_what_this_caller_may_do(server) {
        let ada = server.register("ada");
        let admin = server.admin();
        let own = server.get("/users/me").bearer(&ada.token).send().json();
        assert_eq!(own["_actions"]["update"], json!(["email"]));
        assert_eq!(own["_actions"]["set_password"], json!(["current_password", "new_password"]));
        assert_eq!(own["_actions"].get("set_roles"), None);
        let reader = server.log_in_for(&ada.email, Some("users:read"));
        let weak = server.get("/users/me").bearer(&reader).send().json();
        assert_eq!(weak["_actions"], json!({ "read": [] }));
        let by_admin = server.get(&ada.path()).bearer(&admin.token).send().json();
        assert_eq!(by_admin["_actions"]["update"], json!(["email", "email_verified", "external_id"]));
        assert_eq!(by_admin["_actions"]["set_roles"], json!(["roles"]));
        // A repeated request gets the same answer; own account and other account differ.
        for (token, path, told) in
            [(&ada.token, "/users/me", &own), (&reader, "/users/me", &weak), (&admin.token, &*ada.path(), &by_admin)]
        {
            assert_eq!(server.get(path).bearer(token).send().json()["_actions"], told["_actions"]);
        }
        let of_admin = server.get("/users/me").bearer(&admin.token).send().json();
        assert_eq!(of_admin["_actions"]["set_password"], json!(["current_password", "new_password"]));
        assert_eq!(by_admin["_actions"]["set_password"], json!(["new_password"]));
    }

    fn unchanged_account_is_304(server) {
        let ada = server.register("ada");
        let first = server.get("/users/me").bearer(&ada.token).send().expect(200);
        for tags in [first.etag().to_owned(), format!("\"x\", W/{}", first.etag()), "*".to_owned()] {
            let again = server.get("/users/me").bearer(&ada.token).header("if-none-match", &tags).send().expect(304);
            assert_eq!((again.etag(), again.body.as_str()), (first.etag(), ""));
        }
        server.get("/users/me").bearer(&ada.token).header("if-none-match", "\"x\"").send().expect(200);
        server.log_in(&ada.email);
        server.get("/users/me").bearer(&ada.token).header("if-none-match", first.etag()).send().expect(200);
    }

    fn change_needs_the_current_version(server) {
        let ada = server.register("ada");
        let change = json!({ "email": "countess@example.com" });
        let patch = || server.patch("/users/me").bearer(&ada.token);
        patch().json(&change).send().expect_problem(428, "precondition-required");
        patch().if_match("\"7-0000000000000000\"").json(&change).send().expect_problem(412, "precondition-failed");
        let read = server.get("/users/me").bearer(&ada.token).send();
        // A proxy that compresses an answer makes its tag weak.
        let written = patch().if_match(&format!("W/{}", read.etag())).json(&change).send().expect(200);
        assert_eq!(written.json()["email"], "countess@example.com");
        assert_ne!(written.etag(), read.etag());
        patch().if_match(read.etag()).json(&change).send().expect_problem(412, "precondition-failed");
        patch().if_match("*").json(&json!({ "email": "ada@example.com" })).send().expect(200);
    }

    fn one_of_many_changes_of_a_version_succeeds(server) {
        let ada = server.register("ada");
        let read = server.get("/users/me").bearer(&ada.token).send();
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let change = |number| {
                let body = json!({ "email": format!("ada{number}@example.com") });
                server.patch("/users/me").bearer(&ada.token).if_match(read.etag()).json(&body).send().status
            };
            let threads: Vec<_> = (0..50).map(|number| scope.spawn(move || change(number))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
        assert!(statuses.iter().all(|status| matches!(status, 200 | 412)), "{statuses:?}");
    }

    fn new_address_is_unverified(server) {
        let ada = server.register("ada");
        let admin = server.admin();
        let verified = server.patch(&ada.path()).bearer(&admin.token).if_match("*");
        let verified = verified.json(&json!({ "email_verified": true })).send().expect(200);
        assert_eq!(verified.json()["email_verified"], true);
        let moved = server.patch("/users/me").bearer(&ada.token).if_match("*");
        let moved = moved.json(&json!({ "email": "new@example.com" })).send().expect(200);
        assert_eq!(moved.json()["email_verified"], false);
    }

    fn refuses_read_only_and_unknown_members(server) {
        let ada = server.register("ada");
        let before = server.get("/users/me").bearer(&ada.token).send();
        for member in ["id", "roles", "status", "email_verified", "external_id", "created_at", "updated_at", "last_login_at", "_actions"] {
            let body = json!({ "email": "else@example.com", member: "x" });
            let answer = server.patch("/users/me").bearer(&ada.token).if_match("*").json(&body).send();
            let answer = answer.expect_problem(422, "invalid-body");
            assert_eq!(answer.broken_rules(), [(format!("/{member}"), "read-only".to_owned())]);
        }
        for member in ["owner", "password", "password_hash", "sub", "scope", "user_id"] {
            let body = json!({ member: "x" });
            let answer = server.patch("/users/me").bearer(&ada.token).if_match("*").json(&body).send();
            let answer = answer.expect_problem(422, "invalid-body");
            assert_eq!(answer.broken_rules(), [(format!("/{member}"), "unknown".to_owned())]);
        }
        server.patch("/users/me").bearer(&ada.token).if_match("*").json(&json!({ "email": null })).send().expect(422);
        let after = server.get("/users/me").bearer(&ada.token).send();
        assert_eq!(before.body, after.body);
    }

    fn refuses_a_change_to_a_taken_address(server) {
        let ada = server.register("ada");
        server.register("grace");
        let change = json!({ "email": "GRACE@example.com" });
        let answer = server.patch("/users/me").bearer(&ada.token).if_match("*").json(&change).send();
        let answer = answer.expect_problem(409, "email-taken");
        assert_eq!(answer.broken_rules(), [("/email".to_owned(), "taken".to_owned())]);
    }

    fn external_id_is_unique_and_written_by_administrators(server) {
        let (admin, ada) = (server.admin(), server.register("ada"));
        let account = |name: &str, id: Value| {
            let email = format!("{name}@example.com");
            server.post("/users").json(&json!({ "email": email, "password": PASSWORD, "external_id": id }))
        };
        let taken = [("/external_id".to_owned(), "taken".to_owned())];
        let made = account("grace", json!("A 4711+ü")).bearer(&admin.token).send().expect(201).json();
        assert_eq!(made["external_id"], "A 4711+ü");
        let again = account("other", json!("A 4711+ü")).bearer(&admin.token).send();
        assert_eq!(again.expect_problem(409, "external-id-taken").broken_rules(), taken);
        // Both are taken: the answer is the same on each engine.
        let both = account("grace", json!("A 4711+ü")).bearer(&admin.token).send();
        assert_eq!(both.expect_problem(409, "external-id-taken").broken_rules(), taken);
        account("case", json!("a 4711+ü")).bearer(&admin.token).send().expect(201);
        for id in [json!("free"), json!("A 4711+ü")] {
            // Neither registration nor the owner learns whether an id is taken.
            let rules = [("/external_id".to_owned(), "read-only".to_owned())];
            assert_eq!(account("eve", id.clone()).send().expect_problem(422, "invalid-body").broken_rules(), rules);
            let own = server.patch("/users/me").bearer(&ada.token).if_match("*").json(&json!({ "external_id": id }));
            assert_eq!(own.send().expect_problem(422, "invalid-body").broken_rules(), rules);
        }
        let patch = |id: Value| {
            let body = json!({ "external_id": id });
            server.patch(&ada.path()).bearer(&admin.token).if_match("*").json(&body).send()
        };
        assert_eq!(patch(json!("A 4711+ü")).expect_problem(409, "external-id-taken").broken_rules(), taken);
        for (id, code) in [("", "empty"), (" 1", "surrounding-space"), ("1\u{a0}", "surrounding-space"), ("a\0", "control-character"), (&"x".repeat(256), "too-long")] {
            let rules = [("/external_id".to_owned(), code.to_owned())];
            assert_eq!(patch(json!(id)).expect_problem(422, "invalid-body").broken_rules(), rules);
        }
        assert_eq!(patch(json!("ü".repeat(255))).expect(200).json()["external_id"], "ü".repeat(255));
        assert_eq!(patch(json!("1")).expect(200).json()["external_id"], "1");
        patch(json!("1")).expect(200);
        let own = server.get("/users/me").bearer(&ada.token).send().expect(200).json();
        assert_eq!(own["external_id"], "1");
        let moved = server.patch("/users/me").bearer(&ada.token).if_match("*").json(&json!({ "email": "new@example.com" }));
        assert_eq!(moved.send().expect(200).json()["external_id"], "1", "it stays");
        assert_eq!(patch(Value::Null).expect(200).json()["external_id"], Value::Null);
        account("next", json!("1")).bearer(&admin.token).send().expect(201);
    }

    fn one_of_many_accounts_gets_an_external_id(server) {
        let admin = server.admin();
        let (other, people) = (server.replica(), ["a", "b", "c", "d", "e", "f"].map(|name| server.register(name)));
        let answers: Vec<_> = std::thread::scope(|scope| {
            let patch = |(number, person): (usize, &Person)| {
                let server = if number % 2 == 0 { &server } else { &other };
                let body = json!({ "external_id": "the one" });
                server.patch(&person.path()).bearer(&admin.token).if_match("*").json(&body).send()
            };
            let threads: Vec<_> = people.iter().enumerate().map(|each| scope.spawn(move || patch(each))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let (set, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
        assert_eq!(set.len(), 1);
        for answer in refused {
            let rules = answer.expect_problem(409, "external-id-taken").broken_rules();
            assert_eq!(rules, [("/external_id".to_owned(), "taken".to_owned())]);
        }
    }

    fn deleted_accounts_token_stays_revoked(server) {
        let ada = server.register("ada");
        let admin = server.admin();
        server.delete("/users/me").bearer(&ada.token).header("if-match", "\"9-0000000000000000\"").send().expect(412);
        let deleted = server.delete("/users/me").bearer(&ada.token).send().expect(204);
        assert_eq!(deleted.body, "");
        server.get("/users/me").bearer(&ada.token).send().expect_problem(401, "invalid-token");
        server.get(&ada.path()).bearer(&admin.token).send().expect_problem(404, "not-found");
        let again = server.register("ada");
        assert_ne!(again.id, ada.id);
        server.get("/users/me").bearer(&ada.token).send().expect_problem(401, "invalid-token");
        server.get(&again.path()).bearer(&ada.token).send().expect_problem(401, "invalid-token");
    }
}
