//! Invitations: the first password of an account.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{Mailing, NEW};
use crate::support::{Answer, Person, on_both_engines};

impl Mailing {
    fn create_without_password(&self, admin: &Person, email: &str) -> String {
        let made = self.post("/users").bearer(&admin.token).json(&json!({ "email": email })).send();
        made.expect(201).json()["id"].as_str().expect("an id").to_owned()
    }

    fn invite(&self, by: &Person, id: &str, body: &Value) -> Answer {
        self.post(&format!("/users/{id}/invitation")).bearer(&by.token).json(body).send()
    }

    fn accept(&self, token: &str) -> Answer {
        let body = json!({ "token": token, "new_password": NEW });
        self.post("/invitations/redeem").json(&body).send()
    }
}

fn token_in(answer: &Answer) -> String {
    let link = answer.json()["link"].as_str().expect("a link").to_owned();
    link.split_once("token=").expect("a token").1.to_owned()
}

on_both_engines! {
    fn invited_user_sets_the_first_password(engine: Engine) {
        let server = Mailing::start(engine);
        let admin = server.admin();
        let id = server.create_without_password(&admin, "ada@example.com");
        server.invite(&admin, &id, &json!({})).expect(202);
        let token = server.mails.last_to("ada@example.com", 1).token();
        server.reset(&token, NEW).expect_problem(400, "invalid-link");
        server.accept(&token).expect(204);
        server.accept(&token).expect_problem(400, "invalid-link");
        assert_eq!(server.try_log_in("ada@example.com", NEW), 200);
        assert_eq!(server.user(&id, &admin.token)["email_verified"], true);
    }

    fn link_is_shown_once_and_replaces_the_previous_one(engine: Engine) {
        let server = Mailing::standing(engine, &[]);
        let admin = server.admin();
        let id = server.create_without_password(&admin, "ada@example.com");
        let first = server.invite(&admin, &id, &json!({ "send": false })).expect(201);
        assert_eq!(first.header("cache-control"), Some("no-store"));
        let second = server.invite(&admin, &id, &json!({ "send": false })).expect(201);
        server.accept(&token_in(&first)).expect_problem(400, "invalid-link");
        server.clock.advance(TimeDelta::days(7));
        server.accept(&token_in(&second)).expect_problem(400, "invalid-link");
        assert_eq!(server.mails.count(), 0);
    }

    fn account_in_use_cannot_be_taken_over_by_an_invitation(engine: Engine) {
        let server = Mailing::start(engine);
        let (admin, ada) = (server.admin(), server.register("ada"));
        server.invite(&admin, &ada.id, &json!({ "send": false })).expect_problem(409, "conflict");
        server.invite(&ada, &ada.id, &json!({ "send": false })).expect_problem(403, "insufficient-scope");
    }

    fn nobody_invites_a_user_above_themselves(engine: Engine) {
        let server = Mailing::start(engine);
        let admin = server.admin();
        let body = json!({ "email": "boss@example.com", "roles": ["admin"] });
        let boss = server.post("/users").bearer(&admin.token).json(&body).send().expect(201).json();
        let creator = server.client_token("creator", "users:create");
        let creator = Person { token: creator, ..admin.clone() };
        let id = boss["id"].as_str().unwrap();
        server.invite(&creator, id, &json!({ "send": false })).expect_problem(403, "above-caller");
        server.invite(&admin, id, &json!({ "send": false })).expect(201);
    }

    fn only_a_privileged_caller_leaves_the_password_out(engine: Engine) {
        let server = Mailing::start(engine);
        let refused = server.post("/users").json(&json!({ "email": "ada@example.com" })).send().expect(422);
        assert_eq!(refused.broken_rules(), [("/password".to_owned(), "required".to_owned())]);
    }
}
