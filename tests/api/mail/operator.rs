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

    fn preview_shows_a_mail_and_status_the_queue(engine: Engine) {
        let server = Server::start(engine);
        let preview = server.operator(&["mail", "preview", "reset-password"]);
        assert!(preview.starts_with("Subject: Set a new password for cloakroom\n\nHello,"), "{preview}");
        assert!(server.operator(&["mail", "preview", "reset-password", "--html"]).contains("<!doctype html>"));
        let status = server.operator(&["mail", "status"]);
        assert!(status.contains("no mail is sent") && status.contains("0 waiting, 0 given up"), "{status}");
        assert!(server.operator_refused(&["mail", "test", "ada@example.com"]).contains("CLOAKROOM_MAIL_URL"));
    }

    fn test_mail_is_sent_at_once(engine: Engine) {
        let server = Mailing::start(engine);
        let settings = server.mails.settings();
        let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let said = server.operator_with_settings(&["mail", "test", "ada@example.com"], &settings);
        assert!(said.contains("took the mail to ada@example.com"), "{said}");
        assert!(server.mails.last_to("ada@example.com", 1).text.contains("The mail settings work"));
    }
}
