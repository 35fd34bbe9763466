//! `PUT /users/{id}/roles` and `…/status`: no caller acts on an account above its own rank.

use serde_json::{Value, json};

use crate::support::{PASSWORD, Person, Server, on_both_engines};

fn set_roles(server: &Server, by: &str, of: &Person, roles: &[&str]) -> crate::support::Answer {
    server.put(&format!("{}/roles", of.path())).bearer(by).json(&json!({ "roles": roles })).send()
}

fn set_status(server: &Server, by: &str, of: &Person, status: &str) -> crate::support::Answer {
    server.put(&format!("{}/status", of.path())).bearer(by).json(&json!({ "status": status })).send()
}

on_both_engines! {
    fn changing_roles_revokes_the_tokens(server) {
        let (ada, admin) = (server.register("ada"), server.admin());
        let answer = set_roles(&server, &admin.token, &ada, &["support", "user", "user"]).expect(200);
        assert_eq!(answer.json()["roles"], json!(["support", "user"]));
        server.get("/users/me").bearer(&ada.token).send().expect_problem(401, "invalid-token");
        let token = server.log_in(&ada.email);
        server.get("/users").bearer(&token).send().expect(200);
        assert_eq!(set_roles(&server, &admin.token, &ada, &[]).expect(200).json()["roles"], json!([]));
        server.get("/users/me").bearer(&server.log_in(&ada.email)).send().expect_problem(403, "insufficient-scope");
        set_roles(&server, &admin.token, &ada, &["user"]).expect(200);
        server.get("/users").bearer(&token).send().expect_problem(401, "invalid-token");
        server.get("/users").bearer(&server.log_in(&ada.email)).send().expect_problem(403, "insufficient-scope");
    }

    fn refuses_granting_a_power_above_ones_own(server) {
        let ada = server.register("ada");
        let clerk = server.client_token("clerk", "roles:write users:read:any profiles:read:any audit:read:any");
        set_roles(&server, &clerk, &ada, &["support"]).expect(200);
        set_roles(&server, &clerk, &ada, &["admin"]).expect_problem(403, "above-caller");
        let porter = server.client_token("porter", "roles:write");
        set_roles(&server, &porter, &ada, &["user"]).expect_problem(403, "above-caller");
        let grace = server.register("grace");
        set_roles(&server, &porter, &grace, &["support"]).expect_problem(403, "above-caller");
        set_roles(&server, &porter, &grace, &["user"]).expect(200);
    }

    fn refuses_acting_on_an_account_above_ones_own(server) {
        let admin = server.admin();
        let weak = server.client_token("weak", "users:write:any users:delete:any users:read:any sessions:revoke:any");
        set_status(&server, &weak, &admin, "suspended").expect_problem(403, "above-caller");
        let patch = server.patch(&admin.path()).bearer(&weak).if_match("*").json(&json!({ "email": "mine@example.com" }));
        patch.send().expect_problem(403, "above-caller");
        let reset = server.put(&format!("{}/password", admin.path())).bearer(&weak).json(&json!({ "new_password": "an even stranger passphrase" }));
        reset.send().expect_problem(403, "above-caller");
        server.delete(&admin.path()).bearer(&weak).send().expect_problem(403, "above-caller");
        server.delete(&format!("{}/sessions", admin.path())).bearer(&weak).send().expect_problem(403, "above-caller");
        server.get(&admin.path()).bearer(&weak).send().expect(200);
        server.get("/users/me").bearer(&admin.token).send().expect(200);
    }

    fn creating_an_account_follows_the_same_rule(server) {
        let make = |token: &str, email: &str, roles: Value| {
            let body = json!({ "email": email, "password": PASSWORD, "roles": roles, "status": "suspended" });
            server.post("/users").bearer(token).json(&body).send()
        };
        let clerk = server.client_token("clerk", "users:create roles:write");
        make(&clerk, "a@example.com", json!(["admin"])).expect_problem(403, "above-caller");
        let made = make(&clerk, "a@example.com", json!(["user"])).expect(201).json();
        assert_eq!(made["status"], "suspended");
        let maker = server.client_token("maker", "users:create");
        let refused = make(&maker, "b@example.com", json!(["user"])).expect_problem(422, "invalid-body");
        let read_only = |name: &str| (format!("/{name}"), "read-only".to_owned());
        assert_eq!(refused.broken_rules(), [read_only("roles"), read_only("status")]);
        let admin = server.admin();
        make(&admin.token, "c@example.com", json!(["admin"])).expect(201);
    }

    fn a_users_powers_are_those_of_the_token(server) {
        let (ada, admin, root) = (server.register("ada"), server.admin(), server.person_with_roles("root", &["admin", "user"]));
        let narrow = server.log_in_for(&root.email, Some("roles:write"));
        let told = set_roles(&server, &narrow, &ada, &["admin"]).expect_problem(403, "above-caller").json();
        let detail = told["detail"].as_str().unwrap();
        assert!(detail.contains("the token does not carry audit:read:any") && !detail.contains("roles:write"), "{detail}");
        set_roles(&server, &narrow, &ada, &["support"]).expect_problem(403, "above-caller");
        set_roles(&server, &narrow, &admin, &["user"]).expect_problem(403, "above-caller");
        // The rule holds for the own account too: no role returns by a token that lacks its powers.
        set_roles(&server, &narrow, &root, &["admin", "user", "support"]).expect_problem(403, "above-caller");
        set_roles(&server, &narrow, &ada, &[]).expect(200);
        let wider = server.log_in_for(&root.email, Some("roles:write users:read:any profiles:read:any audit:read:any"));
        set_roles(&server, &wider, &ada, &["support", "user"]).expect(200);
        set_roles(&server, &narrow, &ada, &["user"]).expect_problem(403, "above-caller");

        let narrow = server.log_in_for(&root.email, Some("users:create roles:write"));
        let make = |email: &str, roles: Value| {
            let body = json!({ "email": email, "password": PASSWORD, "roles": roles });
            server.post("/users").bearer(&narrow).json(&body).send()
        };
        make("a@example.com", json!(["admin"])).expect_problem(403, "above-caller");
        make("a@example.com", json!(["user"])).expect(201);

        let narrow = server.log_in_for(&root.email, Some("users:read:any users:write:any users:delete:any sessions:revoke:any"));
        let reset = |of: &Person| {
            let body = json!({ "new_password": "an even stranger passphrase" });
            server.put(&format!("{}/password", of.path())).bearer(&narrow).json(&body).send()
        };
        let told = reset(&admin).expect_problem(403, "above-caller").json();
        assert!(told["detail"].as_str().unwrap().contains("the token does not carry audit:read:any, authz:explain, clients:read"), "{told}");
        set_status(&server, &narrow, &admin, "suspended").expect_problem(403, "above-caller");
        let patch = server.patch(&admin.path()).bearer(&narrow).if_match("*").json(&json!({ "email": "mine@example.com" }));
        patch.send().expect_problem(403, "above-caller");
        server.delete(&admin.path()).bearer(&narrow).send().expect_problem(403, "above-caller");
        server.delete(&format!("{}/sessions", admin.path())).bearer(&narrow).send().expect_problem(403, "above-caller");
        server.get("/users/me").bearer(&admin.token).send().expect(200);
        let bob = server.register("bob");
        reset(&bob).expect(204);
        set_status(&server, &narrow, &bob, "suspended").expect(200);
        // The own password needs the current one, whatever the token carries.
        reset(&root).expect_problem(422, "invalid-body");
    }

    fn refusal_hides_the_powers_of_an_account_that_is_not_readable(server) {
        let admin = server.admin();
        let blind = server.client_token("blind", "sessions:revoke:any");
        let seeing = server.client_token("seeing", "sessions:revoke:any users:read:any");
        let told = |token: &str| {
            let answer = server.delete(&format!("{}/sessions", admin.path())).bearer(token).send();
            answer.expect_problem(403, "above-caller").json()["detail"].as_str().unwrap().to_owned()
        };
        assert_eq!(told(&blind), "this needs a power over other users that your token does not have");
        assert!(told(&seeing).contains("the token does not carry audit:read:any"));
    }

    fn last_administrator_cannot_be_removed(server) {
        let admin = server.admin();
        let collisions = [
            set_roles(&server, &admin.token, &admin, &["user"]).expect_problem(409, "last-admin").broken_rules(),
            set_status(&server, &admin.token, &admin, "suspended").expect_problem(409, "last-admin").broken_rules(),
        ];
        assert_eq!(collisions.concat(), [("/roles", "last-admin"), ("/status", "last-admin")].map(|(at, code)| (at.to_owned(), code.to_owned())));
        server.delete("/users/me").bearer(&admin.token).send().expect_problem(409, "last-admin");
        let second = server.person_with_roles("second", &["admin"]);
        set_status(&server, &admin.token, &second, "suspended").expect(200);
        server.delete("/users/me").bearer(&admin.token).send().expect_problem(409, "last-admin");
        set_status(&server, &admin.token, &second, "active").expect(200);
        server.delete("/users/me").bearer(&admin.token).send().expect(204);
    }

    fn two_administrators_cannot_demote_each_other(server) {
        let (one, two) = (server.admin(), server.person_with_roles("two", &["admin"]));
        let statuses = std::thread::scope(|scope| {
            let first = scope.spawn(|| set_roles(&server, &one.token, &two, &["user"]).status);
            let second = scope.spawn(|| set_roles(&server, &two.token, &one, &["user"]).status);
            [first.join().unwrap(), second.join().unwrap()]
        });
        assert!(statuses.contains(&200) && statuses.iter().any(|status| matches!(status, 401 | 409)), "{statuses:?}");
    }

    fn suspension_revokes_tokens_and_refuses_logins(server) {
        let (ada, admin) = (server.register("ada"), server.admin());
        assert_eq!(set_status(&server, &admin.token, &ada, "suspended").expect(200).json()["status"], "suspended");
        server.get("/users/me").bearer(&ada.token).send().expect_problem(401, "invalid-token");
        let login = json!({ "email": ada.email, "password": PASSWORD });
        server.post("/sessions").json(&login).send().expect_problem(401, "invalid-credentials");
        set_status(&server, &admin.token, &ada, "active").expect(200);
        server.get("/users/me").bearer(&ada.token).send().expect_problem(401, "invalid-token");
        server.get("/users/me").bearer(&server.log_in(&ada.email)).send().expect(200);
    }

    fn refuses_an_unknown_role_or_status(server) {
        let (ada, admin) = (server.register("ada"), server.admin());
        let rule = |answer: crate::support::Answer| answer.expect(422).broken_rules().remove(0);
        assert_eq!(rule(set_roles(&server, &admin.token, &ada, &["user", "root"])), ("/roles/1".to_owned(), "unknown-role".to_owned()));
        assert_eq!(rule(set_status(&server, &admin.token, &ada, "gone")), ("/status".to_owned(), "unknown-status".to_owned()));
    }

    fn every_replica_learns_of_a_revocation(server) {
        let replica = server.replica();
        let (ada, admin) = (server.register("ada"), server.admin());
        replica.get("/users/me").bearer(&ada.token).send().expect(200);
        set_status(&server, &admin.token, &ada, "suspended").expect(200);
        replica.eventually_refuses(&ada.token);
    }
}
