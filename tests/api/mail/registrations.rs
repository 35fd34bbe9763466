//! `CLOAKROOM_REGISTRATION=verified`: an account exists once its address is proved.

use chrono::TimeDelta;
use serde_json::json;

use super::{Mailing, NEW};
use crate::support::{Answer, Browser, CALLBACK, PASSWORD, on_both_engines};

const VERIFIED: (&str, &str) = ("CLOAKROOM_REGISTRATION", "verified");

impl Mailing {
    fn sign_up(&self, email: &str) -> Answer {
        let body = json!({ "email": email, "password": NEW, "profile": { "name": "Ada" } });
        self.post("/users").json(&body).send()
    }
}

on_both_engines! {
    fn account_exists_once_its_address_is_proved(engine: Engine) {
        let server = Mailing::start_with(engine, &[VERIFIED]);
        assert_eq!(server.get("/service").send().expect(200).json()["registration"], "verified");
        server.sign_up("ada@example.com").expect(202);
        assert_eq!(server.try_log_in("ada@example.com", NEW), 401);
        let token = server.mails.last_to("ada@example.com", 1).token();
        server.verify(&token).expect(204);
        server.verify(&token).expect_problem(400, "invalid-link");
        let body = json!({ "email": "ada@example.com", "password": NEW });
        let token = server.post("/sessions").json(&body).send().expect(200).json()["access_token"].as_str().unwrap().to_owned();
        let user = server.get("/users/me").bearer(&token).send().expect(200).json();
        assert_eq!((&user["email_verified"], &user["roles"]), (&json!(true), &json!(["user"])));
        assert_eq!(server.get("/users/me/profile").bearer(&token).send().expect(200).json()["name"], "Ada");
    }

    fn free_and_taken_address_get_the_same_answer(engine: Engine) {
        let server = Mailing::standing(engine, &[VERIFIED]);
        let admin = server.admin();
        let stripped = |email: &str| {
            let answer = server.sign_up(email).expect(202);
            let own = ["x-request-id", "date", "ratelimit"];
            let headers = answer.headers.into_iter().filter(|(name, _)| !own.contains(&name.as_str()));
            (headers.collect::<std::collections::BTreeSet<_>>(), answer.body)
        };
        assert_eq!(stripped("ADMIN@example.com"), stripped("free@example.com"));
        stripped(&admin.email);
        // The owner is told, at most once an hour, and gets no link.
        let told = server.mails.last_to("ADMIN@example.com", 1);
        assert!(!told.text.contains("token="), "{told:?}");
        server.mails.wait_for("free@example.com", 1);
        server.eventually_sent_all();
        assert_eq!(server.mails.count(), 2);
        server.clock.advance(TimeDelta::minutes(61));
        stripped(&admin.email);
        server.mails.wait_for(&admin.email, 1);
    }

    fn caller_who_creates_accounts_for_others_waits_for_nothing(engine: Engine) {
        let server = Mailing::start_with(engine, &[VERIFIED]);
        let admin = server.admin();
        let create = || {
            let body = json!({ "email": "ada@example.com", "password": PASSWORD });
            server.post("/users").bearer(&admin.token).json(&body).send()
        };
        create().expect(201);
        create().expect_problem(409, "email-taken");
    }

    fn registrations_that_send_mail_are_limited_as_mail_is(engine: Engine) {
        let server = Mailing::standing(engine, &[VERIFIED]);
        for number in 0..100 {
            server.request_reset(&format!("{number}@example.com")).expect(202);
        }
        server.sign_up("ada@example.com").expect_problem(429, "too-many-requests");
    }

    fn two_registrations_of_one_address_make_one_account(engine: Engine) {
        let server = Mailing::start_with(engine, &[VERIFIED]);
        server.sign_up("ada@example.com").expect(202);
        server.sign_up("ada@example.com").expect(202);
        let mails = server.mails.wait_for("ada@example.com", 2);
        server.verify(&mails[0].token()).expect(204);
        server.verify(&mails[1].token()).expect_problem(400, "invalid-link");
    }

    fn of_fifty_confirmations_at_once_one_wins(engine: Engine) {
        let server = Mailing::start_with(engine, &[VERIFIED]);
        server.sign_up("ada@example.com").expect(202);
        let token = server.mails.last_to("ada@example.com", 1).token();
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..50).map(|_| scope.spawn(|| server.verify(&token).status)).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert_eq!(statuses.iter().filter(|status| **status == 204).count(), 1, "{statuses:?}");
        assert!(statuses.iter().all(|status| [204, 400, 409, 503].contains(status)), "{statuses:?}");
        assert_eq!(server.db_number("SELECT count(*) AS total FROM users WHERE email = 'ada@example.com'"), 1);
    }

    fn sign_up_page_sends_a_link(engine: Engine) {
        let server = Mailing::start_with(engine, &[VERIFIED]);
        server.operator(&["clients", "create", "--id", "app", "--grant", "authorization_code", "--public",
            "--redirect-uri", CALLBACK, "--scope", "openid"]);
        let mut browser = Browser::new(&server);
        let query = format!(
            "client_id=app&response_type=code&redirect_uri={CALLBACK}&scope=openid&prompt=create&code_challenge={}&code_challenge_method=S256",
            "A".repeat(43)
        );
        let page = browser.open(&format!("/oauth/authorize?{query}"));
        let page = browser.submit(&page, "sign-up", &[("email", "ada@example.com"), ("password", NEW)]);
        assert!(page.body.contains("Look into your mailbox") && page.body.contains("ada@example.com"), "{page:?}");
        let link = server.mails.last_to("ada@example.com", 1).link();
        let page = browser.open(link.strip_prefix(&server.url).unwrap());
        let page = browser.submit(&page, "", &[]);
        assert!(page.body.contains("Your e-mail address is confirmed"), "{page:?}");
        assert_eq!(server.try_log_in("ada@example.com", NEW), 200);
    }
}
