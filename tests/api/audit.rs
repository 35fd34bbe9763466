//! `/users/{id}/audit`: which caller did, or was refused, what on a user's records.

mod all_users;
mod at_once;
mod chain;
mod erasure;
mod floods;
mod large;
mod looks;
mod old_entries;

use serde_json::{Value, json};

use crate::support::{PASSWORD, Person, Server, on_both_engines};

fn trail(server: &Server, of: &str, token: &str) -> Vec<Value> {
    let answer = server.get(&format!("/users/{of}/audit?limit=200")).bearer(token).send().expect(200);
    answer.json()["items"].as_array().cloned().unwrap()
}

/// Returns the events of a person's trail that match, newest first.
fn events(server: &Server, of: &Person, matches: impl Fn(&Value) -> bool) -> Vec<Value> {
    trail(server, &of.id, &of.token).into_iter().filter(|entry| matches(entry)).collect()
}

fn refused(entry: &Value) -> bool {
    entry["outcome"] == "refused"
}

on_both_engines! {
    fn refused_deletion_is_in_the_owners_trail(server) {
        let (ada, bob) = (server.register("ada"), server.register("bob"));
        let answer = server.delete(&bob.path()).bearer(&ada.token).send().expect_problem(403, "not-owner");
        let [entry] = &events(&server, &bob, refused)[..] else { panic!("one entry") };
        assert_eq!(entry["action"], "delete");
        assert_eq!((&entry["resource"], &entry["record"]), (&json!("user"), &json!(bob.id)));
        assert_eq!(entry["reason"], "not-owner");
        assert_eq!(entry["actor"], format!("user:{}", ada.id));
        assert_eq!(entry["decision_id"], answer.json()["decision_id"]);
        assert_eq!(entry["request_id"].as_str(), answer.header("x-request-id"));
        assert_eq!(entry["actor_roles"], json!(["user"]));
        // The owner does not see the other caller's token and address.
        assert_eq!((&entry["jti"], &entry["address"]), (&Value::Null, &Value::Null));
        assert!(trail(&server, &ada.id, &ada.token).iter().all(|entry| !refused(entry)));
    }

    fn own_changes_are_recorded_at_once(server) {
        let ada = server.register("ada");
        server.put("/users/me/profile").bearer(&ada.token).json(&json!({ "name": "Ada" })).send().expect(200);
        let entries = trail(&server, "me", &ada.token);
        let done: Vec<(&str, &str)> =
            entries.iter().map(|entry| (entry["action"].as_str().unwrap(), entry["resource"].as_str().unwrap())).collect();
        assert_eq!(done, [("update", "profile"), ("log_in", "session"), ("create", "user")]);
        assert_eq!(entries[0]["actor"], format!("user:{}", ada.id));
        assert_eq!(entries[0]["client_id"], "cloakroom");
        assert_eq!(entries[0]["address"], "127.0.0.1");
        let (_, claims) = crate::support::decoded(&ada.token);
        assert_eq!(entries[0]["jti"], claims["jti"]);
    }

    fn records_reads_of_other_users_only(server) {
        let ada = server.register("ada");
        let support = server.person_with_roles("support", &["support"]);
        server.get("/users/me").bearer(&ada.token).send().expect(200);
        server.get(&ada.path()).bearer(&support.token).send().expect(200);
        let looks = events(&server, &ada, |entry| entry["action"] == "read");
        assert_eq!(looks.len(), 1, "{looks:?}");
        assert_eq!(looks[0]["actor"], format!("user:{}", support.id));
        assert_eq!(looks[0]["outcome"], "done");
    }

    fn records_a_failed_login(server) {
        let ada = server.register("ada");
        let guess = json!({ "email": ada.email, "password": "not this one, surely" });
        server.post("/sessions").json(&guess).send().expect_problem(401, "invalid-credentials");
        let [entry] = &events(&server, &ada, refused)[..] else { panic!("one entry") };
        assert_eq!((&entry["action"], &entry["reason"]), (&json!("log_in"), &json!("wrong-password")));
        assert_eq!((&entry["actor"], &entry["route"]), (&Value::Null, &json!("POST /sessions")));
        assert!(entry["request_id"].is_string());
        let login = events(&server, &ada, |entry| entry["action"] == "log_in" && entry["outcome"] == "done");
        assert_eq!((&login[0]["client_id"], &login[0]["route"]), (&json!("cloakroom"), &json!("POST /sessions")));
        // A caller with the scope for all trails sees the address of a failed login.
        let support = server.person_with_roles("support", &["support"]);
        let entries = trail(&server, &ada.id, &support.token);
        let logins: Vec<&Value> = entries.iter().filter(|entry| entry["action"] == "log_in").collect();
        assert_eq!(logins.len(), 2);
        assert!(logins.iter().all(|entry| entry["address"] == "127.0.0.1"), "{logins:?}");
    }

    fn records_client_and_address_of_page_requests(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read offline_access"));
        let tokens = app.tokens(&server, &ada, &[]);
        let refresh = tokens["refresh_token"].as_str().unwrap();
        let support = server.person_with_roles("support", &["support"]);
        let line = |action: &str| {
            let of = |entry: &Value| entry["action"] == action && entry["client_id"] == "photos";
            trail(&server, &ada.id, &support.token).into_iter().find(of).unwrap_or_else(|| panic!("no {action}"))
        };
        let consent = line("consent");
        assert_eq!((&consent["address"], &consent["route"]), (&json!("127.0.0.1"), &json!("POST /oauth/consent")));
        // Reuse of a refresh token after its successor was used.
        let successor = app.refresh(&server, refresh).expect(200).json()["refresh_token"].clone();
        app.refresh(&server, successor.as_str().unwrap()).expect(200);
        app.refresh(&server, refresh).expect(400);
        let reused = line("refresh");
        assert_eq!((&reused["outcome"], &reused["reason"]), (&json!("refused"), &json!("reused")));
        assert_eq!((&reused["address"], &reused["route"]), (&json!("127.0.0.1"), &json!("POST /oauth/token")));
    }

    fn refused_read_is_in_the_owners_trail(server) {
        let (ada, bob) = (server.register("ada"), server.register("bob"));
        let answer = server.get(&bob.path()).bearer(&ada.token).send().expect_problem(403, "not-owner");
        let [entry] = &events(&server, &bob, refused)[..] else { panic!("one entry") };
        assert_eq!((&entry["action"], &entry["reason"]), (&json!("read"), &json!("not-owner")));
        assert_eq!(entry["actor"], format!("user:{}", ada.id));
        assert_eq!(entry["decision_id"], answer.json()["decision_id"]);
    }

    fn records_a_wrong_current_password(server) {
        let ada = server.register("ada");
        let guess = json!({ "current_password": "not this one, surely", "new_password": "an even stranger passphrase" });
        server.put("/users/me/password").bearer(&ada.token).json(&guess).send().expect_problem(422, "invalid-body");
        let [entry] = &events(&server, &ada, refused)[..] else { panic!("one entry") };
        assert_eq!((&entry["action"], &entry["reason"]), (&json!("set_password"), &json!("wrong-password")));
        assert_eq!(entry["actor"], format!("user:{}", ada.id));
    }

    fn login_without_a_token_leaves_no_trace(server) {
        let ada = server.register("ada");
        let me = || server.get("/users/me").bearer(&ada.token).send().expect(200).json();
        let before = me()["last_login_at"].clone();
        let login = json!({ "email": ada.email, "password": PASSWORD, "scope": "users:read:any" });
        server.post("/sessions").json(&login).send().expect_problem(400, "invalid-scope");
        let sessions = server.get("/users/me/sessions").bearer(&ada.token).send().expect(200).json();
        assert_eq!(sessions["items"].as_array().map(Vec::len), Some(1), "{sessions}");
        let logins = trail(&server, "me", &ada.token).into_iter().filter(|entry| entry["action"] == "log_in");
        assert_eq!(logins.count(), 1);
        assert_eq!(me()["last_login_at"], before);
    }

    fn failed_change_is_not_recorded_as_done(server) {
        let (ada, bob) = (server.register("ada"), server.register("bob"));
        let patch = |tag: &str, email: &str| {
            server.patch(&ada.path()).bearer(&ada.token).if_match(tag).json(&json!({ "email": email })).send()
        };
        patch("\"9-x\"", "other@example.com").expect_problem(412, "precondition-failed");
        patch("*", &bob.email).expect_problem(409, "email-taken");
        patch("*", "no address").expect_problem(422, "invalid-body");
        assert!(trail(&server, "me", &ada.token).iter().all(|entry| entry["action"] != "update"));
        patch("*", "other@example.com").expect(200);
        assert_eq!(trail(&server, "me", &ada.token)[0]["action"], "update");
    }

    fn operator_is_recorded_as_actor(server) {
        let ada = server.register("ada");
        server.operator(&["users", "suspend", &ada.email]);
        server.operator(&["users", "activate", &ada.email]);
        let token = server.log_in(&ada.email);
        let entries = trail(&server, "me", &token);
        let by_operator = entries.iter().filter(|entry| entry["actor"] == "operator");
        assert_eq!(by_operator.map(|entry| &entry["action"]).collect::<Vec<_>>(), ["set_status", "set_status"]);
    }

    fn trail_needs_its_owner_or_the_scope(server) {
        let (ada, bob) = (server.register("ada"), server.register("bob"));
        let support = server.person_with_roles("support", &["support"]);
        let path = format!("{}/audit", ada.path());
        server.get(&path).bearer(&bob.token).send().expect_problem(403, "not-owner");
        let narrow = server.log_in_for(&ada.email, Some("users:read"));
        server.get(&path).bearer(&narrow).send().expect_problem(403, "insufficient-scope");
        // A caller with the scope for all trails also sees the token and the address.
        server.put("/users/me/profile").bearer(&ada.token).json(&json!({ "name": "Ada" })).send().expect(200);
        let entry = &trail(&server, &ada.id, &support.token)[0];
        assert_eq!(entry["address"], "127.0.0.1");
        let (_, claims) = crate::support::decoded(&ada.token);
        assert_eq!(entry["jti"], claims["jti"]);
    }

    fn pages_are_complete_and_cursor_is_bound_to_its_trail(server) {
        let (ada, bob) = (server.register("ada"), server.register("bob"));
        for name in ["a", "b", "c"] {
            server.put("/users/me/profile").bearer(&ada.token).json(&json!({ "name": name })).send().expect(200);
        }
        let all = trail(&server, "me", &ada.token);
        let mut found = Vec::new();
        let mut query = "?limit=2".to_owned();
        let mut cursors = Vec::new();
        loop {
            let page = server.get(&format!("/users/me/audit{query}")).bearer(&ada.token).send().expect(200).json();
            found.extend(page["items"].as_array().cloned().unwrap());
            let Some(next) = page["next"].as_str() else { break };
            cursors.push(next.to_owned());
            query = format!("?limit=2&cursor={next}");
        }
        assert_eq!(found, all);
        let read = |who: &Person, cursor: &str| {
            server.get(&format!("/users/me/audit?cursor={cursor}")).bearer(&who.token).send()
        };
        read(&bob, &cursors[0]).expect_problem(400, "invalid-cursor");
        read(&ada, &cursors[0][1..]).expect_problem(400, "invalid-cursor");
    }
}
