//! Each way to lose a token, between the head of a request and its body.

use serde_json::{Value, json};

use crate::support::{Answer, Engine, PASSWORD, Person, Request, Server, eventually, on_both_engines};

pub const METRICS: &[(&str, &str)] = &[("CLOAKROOM_METRICS_LISTEN", "127.0.0.1:0")];

fn make_admin(server: &Server, puppet: &Person, token: &str) -> Request {
    server.put(&format!("{}/roles", puppet.path())).bearer(token).json(&json!({ "roles": ["admin"] }))
}

/// Checks that the answer is that of a fresh request with the token.
pub fn expect_as_fresh(server: &Server, token: &str, answer: Answer) -> Answer {
    let fresh = server.get("/users/me").bearer(token).send().expect_problem(401, "invalid-token");
    let answer = answer.expect_problem(401, "invalid-token");
    assert_eq!(answer.header("www-authenticate"), fresh.header("www-authenticate"));
    assert_eq!(answer.json()["detail"], fresh.json()["detail"]);
    answer
}

fn roles(server: &Server, admin: &Person, puppet: &Person) -> Value {
    server.get(&puppet.path()).bearer(&admin.token).send().expect(200).json()["roles"].clone()
}

fn refused_after(engine: Engine, revoke: impl Fn(&Server, &Person, &Person)) {
    let server = Server::start_with(engine, METRICS);
    let (admin, puppet) = (server.admin(), server.register("puppet"));
    let actor = server.person_with_roles("actor", &["admin", "user"]);
    let begun = server.begin(&make_admin(&server, &puppet, &actor.token));
    revoke(&server, &admin, &actor);
    expect_as_fresh(&server, &actor.token, begun.finish());
    assert_eq!(roles(&server, &admin, &puppet), json!(["user"]));
}

on_both_engines! {
    fn a_suspended_administrator_changes_nothing(engine: Engine) {
        refused_after(engine, |server, admin, actor| {
            let status = server.put(&format!("{}/status", actor.path())).bearer(&admin.token);
            status.json(&json!({ "status": "suspended" })).send().expect(200);
        });
    }

    fn a_deleted_administrator_changes_nothing(engine: Engine) {
        refused_after(engine, |server, admin, actor| {
            server.delete(&actor.path()).bearer(&admin.token).send().expect(204);
        });
    }

    fn a_demoted_administrator_changes_nothing(engine: Engine) {
        refused_after(engine, |server, admin, actor| {
            let roles = server.put(&format!("{}/roles", actor.path())).bearer(&admin.token);
            roles.json(&json!({ "roles": ["user"] })).send().expect(200);
        });
    }

    fn an_administrator_who_logged_out_changes_nothing(engine: Engine) {
        refused_after(engine, |server, _, actor| {
            server.delete("/sessions/current").bearer(&actor.token).send().expect(204);
        });
    }

    fn an_administrator_with_a_new_password_changes_nothing(engine: Engine) {
        refused_after(engine, |server, admin, actor| {
            let password = server.put(&format!("{}/password", actor.path())).bearer(&admin.token);
            password.json(&json!({ "new_password": "an even stranger passphrase" })).send().expect(204);
        });
    }

    fn a_browser_whose_session_ended_changes_nothing(engine: Engine) {
        let server = Server::start_with(engine, METRICS);
        let (admin, ada) = (server.admin(), server.register("ada"));
        let form = json!({ "email": ada.email, "password": PASSWORD, "cookie": true });
        for ends in ["the session", "the account"] {
            let signed_in = server.post("/sessions").header("origin", &server.url).json(&form).send().expect(204);
            let cookie = signed_in.header("set-cookie").and_then(|cookie| cookie.split(';').next()).expect("a cookie");
            let change = server.put("/users/me/profile").header("cookie", cookie).header("origin", &server.url);
            let begun = server.begin(&change.if_match("*").json(&json!({ "name": "Eve" })));
            match ends {
                "the session" => drop(server.delete(&format!("{}/sessions?except=current", ada.path())).bearer(&ada.token).send().expect(204)),
                _ => drop(server.put(&format!("{}/status", ada.path())).bearer(&admin.token).json(&json!({ "status": "suspended" })).send().expect(200)),
            }
            begun.finish().expect_problem(401, "invalid-token");
            let profile = server.get(&format!("{}/profile", ada.path())).bearer(&admin.token).send().expect(200);
            assert_eq!(profile.json()["name"], Value::Null, "{ends}");
        }
    }

    fn a_deleted_client_changes_nothing(engine: Engine) {
        let server = Server::start_with(engine, METRICS);
        let (admin, puppet) = (server.admin(), server.register("puppet"));
        let token = server.client_token("robot", "users:read:any users:write:any");
        let patch = server.patch(&puppet.path()).bearer(&token).if_match("*");
        let begun = server.begin(&patch.json(&json!({ "email": "stolen@example.com" })));
        server.delete("/clients/robot").bearer(&admin.token).if_match("*").send().expect(204);
        begun.finish().expect_problem(401, "invalid-token");
        let email = server.get(&puppet.path()).bearer(&admin.token).send().expect(200).json();
        assert_eq!(email["email"], puppet.email.as_str());
    }

    fn a_narrowed_client_changes_nothing(engine: Engine) {
        let server = Server::start_with(engine, METRICS);
        let (admin, puppet) = (server.admin(), server.register("puppet"));
        let begin = |token: &str| {
            let patch = server.patch(&puppet.path()).bearer(token).if_match("*");
            server.begin(&patch.json(&json!({ "email": "stolen@example.com" })))
        };
        let token = server.client_token("robot", "users:read:any users:write:any");
        let begun = begin(&token);
        let patch = server.patch("/clients/robot").bearer(&admin.token).if_match("*");
        patch.json(&json!({ "scope": "users:read:any" })).send().expect(200);
        begun.finish().expect_problem(401, "invalid-token");
        let token = server.client_token("leaked", "users:read:any users:write:any");
        let begun = begin(&token);
        let rotate = server.post("/clients/leaked/secret").bearer(&admin.token);
        rotate.json(&json!({ "old_expires_in": 0 })).send().expect(200);
        begun.finish().expect_problem(401, "invalid-token");
        let email = server.get(&puppet.path()).bearer(&admin.token).send().expect(200).json();
        assert_eq!(email["email"], puppet.email.as_str());
    }

    fn a_no_op_is_refused_too(engine: Engine) {
        let server = Server::start_with(engine, METRICS);
        let (puppet, actor) = (server.register("puppet"), server.admin());
        let same = server.put(&format!("{}/roles", puppet.path())).bearer(&actor.token);
        let begun = server.begin(&same.json(&json!({ "roles": ["user"] })));
        server.delete("/sessions/current").bearer(&actor.token).send().expect(204);
        expect_as_fresh(&server, &actor.token, begun.finish());
    }

    fn the_refusal_is_in_the_audit_trail(engine: Engine) {
        let server = Server::start_with(engine, METRICS);
        let (admin, puppet) = (server.admin(), server.register("puppet"));
        let actor = server.person_with_roles("actor", &["admin", "user"]);
        let begun = server.begin(&make_admin(&server, &puppet, &actor.token));
        server.delete("/sessions/current").bearer(&actor.token).send().expect(204);
        let refused = begun.finish().expect_problem(401, "invalid-token");
        let path = format!("/audit?reason=revoked&actor=user:{}", actor.id);
        let lines = || server.get(&path).bearer(&admin.token).send().expect(200).json()["items"].clone();
        eventually("the refusal is recorded", || lines() != json!([]));
        let line = &lines()[0];
        assert_eq!((&line["action"], &line["outcome"]), (&json!("set_roles"), &json!("refused")), "{line}");
        assert_eq!(line["record"], puppet.id.as_str());
        assert_eq!(line["id"], refused.json()["decision_id"]);
    }

    fn another_replica_that_has_not_heard_of_it_refuses_too(engine: Engine) {
        let server = Server::start_with(engine, METRICS);
        let replica = server.replica();
        let (admin, puppet) = (server.admin(), server.register("puppet"));
        let actor = server.person_with_roles("actor", &["admin", "user"]);
        let begun = server.begin(&make_admin(&server, &puppet, &actor.token));
        replica.delete("/sessions/current").bearer(&actor.token).send().expect(204);
        begun.finish().expect_problem(401, "invalid-token");
        assert_eq!(roles(&server, &admin, &puppet), json!(["user"]));
    }
}
