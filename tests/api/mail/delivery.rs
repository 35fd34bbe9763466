//! Delivery: the outbox, the mail server's refusals, and the form of a message.

use chrono::TimeDelta;
use serde_json::json;

use super::Mailing;
use crate::support::{Engine, eventually, on_both_engines};

impl Mailing {
    /// Waits until no mail is left in the outbox.
    #[track_caller]
    pub fn eventually_sent_all(&self) {
        eventually("the outbox is empty", || {
            let status: serde_json::Value =
                serde_json::from_str(&self.operator_output(&["mail", "status", "--json"])).expect("JSON");
            status["waiting"] == 0
        });
    }
}

on_both_engines! {
    fn message_has_two_parts_and_the_headers_of_an_automatic_one(engine: Engine) {
        let server = Mailing::start(engine);
        let ada = server.register("ada");
        server.request_reset(&ada.email).expect(202);
        let mail = server.mails.last_to(&ada.email, 1);
        assert_eq!(mail.header("from"), "Cloakroom <no-reply@example.org>");
        assert_eq!(mail.header("to"), ada.email);
        assert_eq!(mail.header("subject"), "Set a new password for cloakroom");
        assert_eq!(mail.header("auto-submitted"), "auto-generated");
        assert!(mail.header("message-id").ends_with("@127.0.0.1>"), "{mail:?}");
        assert!(mail.header("content-type").starts_with("multipart/alternative"));
        assert!(mail.html.contains("<a href=") && mail.text.contains(&ada.email), "{mail:?}");
    }

    fn refused_mail_is_sent_again_with_the_same_message_id(engine: Engine) {
        let server = Mailing::start(engine);
        let ada = server.register("ada");
        server.mails.reply_to_next("451 not now");
        server.request_reset(&ada.email).expect(202);
        let mail = server.mails.last_to(&ada.email, 1);
        server.reset(&mail.token(), super::NEW).expect(204);
    }

    fn permanent_refusal_ends_a_mail_and_the_operator_sees_why(engine: Engine) {
        let server = Mailing::start(engine);
        let ada = server.register("ada");
        server.mails.reply_to_next("550 no such mailbox");
        server.request_reset(&ada.email).expect(202);
        server.eventually_sent_all();
        let status = server.operator(&["mail", "status"]);
        assert!(status.contains("1 given up") && status.contains("no such mailbox"), "{status}");
        assert_eq!(server.mails.count(), 0);
    }

    fn mail_server_that_hangs_delays_no_request(engine: Engine) {
        let server = Mailing::start(engine);
        let ada = server.register("ada");
        server.mails.hang(true);
        for _ in 0..3 {
            server.request_reset(&ada.email).expect(202);
            server.get("/users/me").bearer(&ada.token).send().expect(200);
        }
        assert_eq!(server.mails.count(), 0);
        server.mails.hang(false);
        server.mails.wait_for(&ada.email, 1);
    }

    fn mail_is_tried_as_long_as_its_link_is_valid(engine: Engine) {
        let server = Mailing::standing(engine, &[]);
        let (admin, ada) = (server.admin(), server.register("ada"));
        let token = server.log_in(&ada.email);
        let patch = server.patch(&ada.path()).if_match("*").bearer(&token);
        patch.json(&json!({ "email": "new@example.com" })).send().expect(200);
        let confirmed = server.mails.last_to("new@example.com", 1).token();
        server.mails.refuse_all(true);
        server.verify(&confirmed).expect(204);
        let body = json!({ "email": "grace@example.com" });
        let grace = server.post("/users").bearer(&admin.token).json(&body).send().expect(201).json();
        let path = format!("/users/{}/invitation", grace["id"].as_str().unwrap());
        server.post(&path).bearer(&admin.token).json(&json!({})).send().expect(202);
        let attempts = |least: i64| {
            let query = format!("SELECT count(*) AS total FROM outbox WHERE attempts >= {least}");
            eventually("both mails are refused", || server.db_number(&query) == 2);
        };
        attempts(1);
        // More than a change of an application is tried.
        server.db_run("UPDATE outbox SET attempts = 50");
        server.clock.advance(TimeDelta::hours(12));
        attempts(51);
        server.mails.refuse_all(false);
        server.clock.advance(TimeDelta::hours(1));
        let undo = server.mails.last_to(&ada.email, 1).token();
        let invited = json!({ "token": server.mails.last_to("grace@example.com", 1).token(), "new_password": super::NEW });
        server.post("/invitations/redeem").json(&invited).send().expect(204);
        server.post("/email-changes/undo").json(&json!({ "token": undo })).send().expect(204);
    }

    fn mail_whose_link_has_expired_is_not_sent(engine: Engine) {
        let server = Mailing::standing(engine, &[]);
        let ada = server.register("ada");
        server.mails.reply_to_next("451 not now");
        server.request_reset(&ada.email).expect(202);
        eventually("the first attempt fails", || server.operator(&["mail", "status"]).contains("not now"));
        server.clock.advance(TimeDelta::hours(2));
        server.eventually_sent_all();
        assert_eq!(server.mails.count(), 0);
    }

    fn mail_that_is_sent_again_revives_no_used_link(engine: Engine) {
        let server = Mailing::standing(engine, &[("CLOAKROOM_REGISTRATION", "verified")]);
        let admin = server.admin();
        server.mails.keep_but_refuse_next();
        server.request_reset(&admin.email).expect(202);
        server.reset(&server.mails.last_to(&admin.email, 1).token(), super::NEW).expect(204);
        server.mails.keep_but_refuse_next();
        let body = json!({ "email": "ada@example.com", "password": super::NEW });
        server.post("/users").json(&body).send().expect(202);
        let token = server.mails.last_to("ada@example.com", 1).token();
        server.verify(&token).expect(204);
        eventually("both attempts are counted", || server.operator(&["mail", "status"]).matches("1 failed").count() == 2);
        server.clock.advance(TimeDelta::minutes(1));
        server.eventually_sent_all();
        assert_eq!(server.mails.count(), 2);
        server.verify(&token).expect_problem(400, "invalid-link");
    }

    fn restarted_server_sends_what_the_first_one_left(engine: Engine) {
        let server = Mailing::start(engine);
        let ada = server.register("ada");
        server.mails.hang(true);
        server.request_reset(&ada.email).expect(202);
        let own = server.mails.settings();
        let settings: Vec<(&str, &str)> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let Mailing { server, mails } = server;
        let again = server.restart_with(&settings);
        mails.hang(false);
        let mails_to_ada = mails.wait_for(&ada.email, 1);
        let ids: std::collections::BTreeSet<&str> = mails_to_ada.iter().map(|mail| mail.header("message-id")).collect();
        assert_eq!(ids.len(), 1);
        drop(again);
    }

    fn outbox_holds_no_address_and_no_token_in_clear(engine: Engine) {
        let server = Mailing::start(engine);
        server.register("ada");
        server.mails.hang(true);
        server.request_reset("ada@example.com").expect(202);
        let body = json!({ "email": "ada@example.com" });
        server.post("/password-resets").json(&body).send().expect(202);
        let names = "job || resource || record || action LIKE '%@%'";
        let content = match engine {
            Engine::Sqlite => "instr(payload, CAST('ada@example.com' AS BLOB)) > 0",
            Engine::Postgres => "position('ada@example.com'::bytea IN payload) > 0",
        };
        let count = |condition: &str| {
            server.db_number(&format!("SELECT count(*) AS total FROM outbox WHERE {condition}"))
        };
        assert_eq!((count("payload IS NOT NULL"), count(names), count(content)), (2, 0, 0));
    }
}
