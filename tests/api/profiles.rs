//! `/users/{id}/profile`.

use serde_json::{Value, json};

use crate::support::on_both_engines;

/// Strings that have broken other systems: each is stored unchanged or refused.
const NAUGHTY: &[&str] = &[
    "undefined",
    "NULL",
    "0x0",
    "1e309",
    "-0",
    "'; DROP TABLE users;--",
    "\" OR \"\"=\"",
    "<script>alert(1)</script>",
    "${jndi:ldap://x}",
    "{{7*7}}",
    "%00",
    "%s%s%n",
    "../../etc/passwd",
    "Ω≈ç√∫˜µ≤",
    "田中さんにあげて下さい",
    "👩‍👩‍👧‍👦",
    "ا\u{202e}ب",
    "Z̮̞̠͙͔ͅḀ̗̞͈̻",
    "\u{feff}bom",
    "\u{200b}zero width",
    "ﬁ",
    "ﷺ",
    "I\u{307}",
    "ß",
    "\\",
    "'",
    "\"",
    "`",
    "_%",
];

on_both_engines! {
    fn preconditions_hold_for_a_weak_tag_and_for_none_match(server) {
        let ada = server.register("ada");
        let path = format!("{}/profile", ada.path());
        let tag = server.get(&path).bearer(&ada.token).send().expect(200).etag().to_owned();
        let put = |name: &str| server.put(&path).bearer(&ada.token).json(&json!({ "name": name }));
        for none in ["*", &tag, &format!("W/{tag}"), &format!("\"x\", {tag}")] {
            put("Grace").if_match("*").header("if-none-match", none).send().expect_problem(412, "precondition-failed");
            put("Grace").header("if-none-match", none).send().expect_problem(412, "precondition-failed");
        }
        // A proxy that compresses answers makes their tags weak.
        put("Ada").if_match(&format!("W/{tag}")).send().expect(200);
        put("Grace").if_match(&format!("W/{tag}")).send().expect_problem(412, "precondition-failed");
    }

    fn name_that_shows_nothing_is_refused(server) {
        let (ada, admin) = (server.register("ada"), server.admin());
        let profile = format!("{}/profile", ada.path());
        for blank in [" ", "\u{200b}", "\u{3164}", "\u{2800}", "\u{2060}\u{fe0f}"] {
            let answer = server.put(&profile).bearer(&ada.token).json(&json!({ "name": blank })).send();
            assert_eq!(answer.expect_problem(422, "invalid-body").broken_rules(), [("/name".to_owned(), "invisible".to_owned())]);
            let tag = server.get(&ada.path()).bearer(&admin.token).send().expect(200).etag().to_owned();
            let patch = server.patch(&ada.path()).bearer(&admin.token).if_match(&tag);
            let answer = patch.body("application/merge-patch+json", json!({ "external_id": blank }).to_string()).send();
            assert_eq!(answer.expect_problem(422, "invalid-body").broken_rules(), [("/external_id".to_owned(), "invisible".to_owned())]);
        }
        server.put(&profile).bearer(&ada.token).json(&json!({ "name": "ا\u{200d}دا" })).send().expect(200);
    }

    fn refuses_writing_the_profile_of_an_account_above_ones_own(server) {
        let (ada, admin) = (server.register("ada"), server.admin());
        let root = server.person_with_roles("root", &["admin", "user"]);
        let desk = server.client_token("desk", "profiles:read:any profiles:write:any users:read:any");
        let narrow = server.log_in_for(&root.email, Some("profiles:read:any profiles:write:any"));
        let path = format!("{}/profile", admin.path());
        let before = server.get(&path).bearer(&admin.token).send().expect(200);
        for token in [&desk, &narrow] {
            let body = json!({ "name": "Mallory" });
            server.put(&path).bearer(token).if_match("*").json(&body).send().expect_problem(403, "above-caller");
            server.patch(&path).bearer(token).if_match("*").json(&body).send().expect_problem(403, "above-caller");
            let of_user = server.patch(&format!("{}/profile", ada.path())).bearer(token).if_match("*").json(&body);
            of_user.send().expect(200);
        }
        assert_eq!(server.get(&path).bearer(&admin.token).send().body, before.body);
        let shown = server.get(&admin.path()).bearer(&desk).send().expect(200).json();
        assert_eq!(shown["_actions"], json!({ "read": [], "read_profile": [] }));
        let body = json!({ "name": "Admin" });
        server.put(&path).bearer(&admin.token).if_match("*").json(&body).send().expect(200);
        server.put(&path).bearer(&root.token).if_match("*").json(&body).send().expect(200);
    }

    fn new_profile_has_all_members_null(server) {
        let ada = server.register("ada");
        let answer = server.get("/users/me/profile").bearer(&ada.token).send().expect(200);
        let profile = answer.json();
        assert_eq!(profile["name"], Value::Null);
        assert_eq!(profile.as_object().unwrap().len(), 11);
        assert!(answer.etag().starts_with("\"1-"));
    }

    fn put_replaces_the_profile_and_accepts_a_read_one(server) {
        let ada = server.register("ada");
        let put = |body: &Value| server.put("/users/me/profile").bearer(&ada.token).json(body).send();
        let full = json!({ "name": "Ada Lovelace", "website": "https://example.com/", "bio": "two\nlines" });
        let written = put(&full).expect(200);
        assert_eq!(written.json()["bio"], "two\nlines");
        let read = server.get("/users/me/profile").bearer(&ada.token).send();
        assert_eq!(put(&read.json()).expect(200).json(), read.json());
        let replaced = put(&json!({ "nickname": "Countess" })).expect(200).json();
        assert_eq!((&replaced["name"], &replaced["nickname"]), (&Value::Null, &json!("Countess")));
    }

    fn patch_is_a_merge_patch(server) {
        let ada = server.register("ada");
        let patch = |body: &Value| server.patch("/users/me/profile").bearer(&ada.token).json(body).send();
        patch(&json!({ "name": "Ada", "locale": "en-GB" })).expect(200);
        let merged = patch(&json!({ "name": null, "zoneinfo": "Europe/London" })).expect(200).json();
        assert_eq!(merged["name"], Value::Null);
        assert_eq!(merged["locale"], "en-GB");
        assert_eq!(merged["zoneinfo"], "Europe/London");
        assert_eq!(patch(&json!({})).expect(200).json(), merged);
    }

    fn if_match_must_name_the_current_version(server) {
        let ada = server.register("ada");
        let read = server.get("/users/me/profile").bearer(&ada.token).send();
        let put = |tag: &str| server.put("/users/me/profile").bearer(&ada.token).if_match(tag).json(&json!({ "name": "A" })).send();
        put(read.etag()).expect(200);
        put(read.etag()).expect_problem(412, "precondition-failed");
        let changed = server.get("/users/me/profile").bearer(&ada.token).header("if-none-match", read.etag()).send();
        changed.expect(200);
    }

    fn refuses_unknown_members_and_wrong_types(server) {
        let ada = server.register("ada");
        for member in ["sub", "scope", "roles", "email", "updated_at", "id", "user_id", "iss", "__proto__"] {
            let answer = server.patch("/users/me/profile").bearer(&ada.token).json(&json!({ member: "x" })).send();
            assert_eq!(answer.expect_problem(422, "invalid-body").broken_rules(), [(format!("/{member}"), "unknown".to_owned())]);
        }
        let wrong = json!({ "name": 1, "picture": "javascript:alert(1)", "birthdate": "1815-13-01", "bio": ["x"] });
        let answer = server.put("/users/me/profile").bearer(&ada.token).json(&wrong).send();
        assert_eq!(answer.expect(422).broken_rules().len(), 4);
    }

    fn stores_text_unchanged_or_refuses_it(server) {
        let ada = server.register("ada");
        let put = |name: &str| server.put("/users/me/profile").bearer(&ada.token).json(&json!({ "name": name })).send();
        for text in NAUGHTY {
            put(text).expect(200);
            let read = server.get("/users/me/profile").bearer(&ada.token).send().json();
            assert_eq!(read["name"], *text);
        }
        for text in ["\0", "a\0b", "line\nbreak", "\u{7f}", "\u{85}", &"long".repeat(2_500)] {
            put(text).expect_problem(422, "invalid-body");
        }
        let surrogate = server.put("/users/me/profile").bearer(&ada.token).body("application/json", r#"{"name":"\ud800"}"#);
        surrogate.send().expect_problem(400, "malformed-body");
    }

    fn concurrent_patches_of_different_members_all_persist(server) {
        let ada = server.register("ada");
        let members = ["name", "nickname", "given_name", "family_name", "bio", "preferred_username"];
        std::thread::scope(|scope| {
            for member in members {
                let (server, ada) = (&server, &ada);
                scope.spawn(move || {
                    let body = json!({ member: member });
                    server.patch("/users/me/profile").bearer(&ada.token).json(&body).send().expect(200);
                });
            }
        });
        let profile = server.get("/users/me/profile").bearer(&ada.token).send().json();
        for member in members {
            assert_eq!(profile[member], member);
        }
    }
}
