//! `cloakroom users invite`, `users reset-link` and `mail`.

use super::{Mailing, NEW};
use crate::support::{Server, on_both_engines};

fn token(output: &str) -> String {
    output.trim().rsplit_once("token=").expect("a link").1.to_owned()
}

on_both_engines! {
    fn reset_link_works_without_a_mail_server(engine: Engine) {
        let server = Server::start(engine);
        let ada = server.register("ada");
        let link = server.operator(&["users", "reset-link", &ada.email]);
        let body = serde_json::json!({ "token": token(&link), "new_password": NEW });
        server.post("/password-resets/redeem").json(&body).send().expect(204);
        server.post("/password-resets/redeem").json(&body).send().expect_problem(400, "invalid-link");
        let login = serde_json::json!({ "email": ada.email, "password": NEW });
        let session = server.post("/sessions").json(&login).send().expect(200).json();
        let bearer = session["access_token"].as_str().unwrap();
        let trail = server.get(&format!("{}/audit", ada.path())).bearer(bearer).send().expect(200).json();
        let deeds: Vec<_> = trail["items"].as_array().unwrap().iter().map(|deed| &deed["action"]).collect();
        assert!(deeds.iter().any(|deed| *deed == "issue_reset_link"), "{deeds:?}");
        assert!(deeds.iter().all(|deed| *deed != "invite"), "{deeds:?}");
        assert!(server.operator_refused(&["users", "reset-link", "nobody@example.com"]).contains("error: "));
    }

    fn invitation_makes_the_account_and_prints_its_link(engine: Engine) {
        let server = Mailing::start(engine);
        let printed = server.operator(&["users", "invite", "--email", "ada@example.com", "--role", "support", "--link"]);
        let body = serde_json::json!({ "token": token(&printed), "new_password": NEW });
        server.post("/invitations/redeem").json(&body).send().expect(204);
        assert_eq!(server.try_log_in("ada@example.com", NEW), 200);
        let refused = server.operator_refused(&["users", "invite", "--email", "ada@example.com", "--link"]);
        assert!(refused.contains("has a password"), "{refused}");
    }

    fn invitation_of_an_account_with_other_roles_is_refused(engine: Engine) {
        let server = Server::start(engine);
        server.operator(&["users", "invite", "--email", "ada@example.com", "--role", "support", "--link"]);
        let again = ["users", "invite", "--email", "ada@example.com", "--link"];
        let refused = server.operator_refused(&[&again[..], &["--role", "admin"]].concat());
        assert!(refused.contains("exists, with other roles"), "{refused}");
        for same in [&[][..], &["--role", "support"]] {
            token(&server.operator(&[&again[..], same].concat()));
        }
    }

    fn preview_shows_a_mail_and_status_the_queue(engine: Engine) {
        let server = Server::start(engine);
        let preview = server.operator(&["mail", "preview", "reset-password"]);
        assert!(preview.starts_with("Subject: Set a new password for cloakroom\n\nHello,"), "{preview}");
        assert!(server.operator(&["mail", "preview", "reset-password", "--html"]).contains("<!doctype html>"));
        let status = server.operator(&["mail", "status"]);
        assert!(status.contains("no mail is sent") && status.contains("0 waiting, 0 given up"), "{status}");
        assert!(server.operator_refused(&["mail", "test", "ada@example.com"]).contains("CLOAKROOM_MAIL_URL"));
    }

    fn status_counts_the_mails_that_were_sent(engine: Engine) {
        let server = Mailing::start(engine);
        let ada = server.register("ada");
        server.request_reset(&ada.email).expect(202);
        server.request_reset("nobody@example.com").expect(202);
        server.mails.wait_for(&ada.email, 1);
        server.eventually_sent_all();
        let status = server.operator(&["mail", "status"]);
        assert!(status.contains("1 sent, 0 waiting, 0 given up"), "{status}");
    }

    fn test_mail_is_sent_at_once(engine: Engine) {
        let server = Mailing::start(engine);
        let settings = server.mails.settings();
        let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let said = server.operator_with_settings(&["mail", "test", "ada@example.com"], &settings);
        assert!(said.contains("took the mail to ada@example.com"), "{said}");
        let mail = server.mails.last_to("ada@example.com", 1);
        assert!(mail.text.contains("The mail settings work"));
        assert!(!mail.header("message-id").contains("example.com"), "{mail:?}");
    }
}
