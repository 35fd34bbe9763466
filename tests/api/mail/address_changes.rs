//! A new address, which its owner confirms, and the way back.

use chrono::TimeDelta;
use serde_json::json;

use super::{Mailing, NEW};
use crate::support::{Person, on_both_engines};

impl Mailing {
    fn request_address(&self, person: &Person, email: &str) -> serde_json::Value {
        let patch = self.patch(&person.path()).if_match("*").bearer(&self.log_in(&person.email));
        patch.json(&json!({ "email": email })).send().expect(200).json()
    }

    /// Moves an account to a new address, which is confirmed, and returns the token that undoes it: in the mail of this
    /// number to the old address.
    fn move_to(&self, person: &Person, email: &str, number: usize) -> String {
        self.request_address(person, email);
        self.verify(&self.mails.last_to(email, 1).token()).expect(204);
        self.mails.last_to(&person.email, number).token()
    }

    /// Registers a person whose address a thief changes twice. Returns the tokens that undo both changes.
    fn robbed(&self, name: &str) -> (Person, [String; 2]) {
        let person = self.register(name);
        let (second, third) = (format!("second-{name}@example.com"), format!("third-{name}@example.com"));
        let first_way = self.move_to(&person, &second, 1);
        let thief = Person { email: second, ..person.clone() };
        let second_way = self.move_to(&thief, &third, 2);
        (person, [first_way, second_way])
    }

    fn undo(&self, token: &str) -> u16 {
        self.post("/email-changes/undo").json(&json!({ "token": token })).send().status
    }
}

on_both_engines! {
    fn verified_address_is_proved_by_a_mailed_link(engine: Engine) {
        let server = Mailing::start(engine);
        let ada = server.register("ada");
        let path = format!("{}/email-verification", ada.path());
        server.post(&path).bearer(&ada.token).send().expect(202);
        let token = server.mails.last_to(&ada.email, 1).token();
        server.verify(&token).expect(204);
        server.verify(&token).expect_problem(400, "invalid-link");
        assert_eq!(server.get("/users/me").bearer(&ada.token).send().expect(200).json()["email_verified"], true);
        server.post(&path).bearer(&ada.token).send().expect_problem(409, "conflict");
        let grace = server.register("grace");
        server.post(&path).bearer(&grace.token).send().expect_problem(403, "not-owner");
    }

    fn new_address_waits_for_its_owner(engine: Engine) {
        let server = Mailing::start(engine);
        let ada = server.register("ada");
        let shown = server.request_address(&ada, "new@example.com");
        assert_eq!((&shown["email"], &shown["pending_email"]), (&json!(ada.email), &json!("new@example.com")));
        assert_eq!(server.try_log_in("new@example.com", crate::support::PASSWORD), 401);
        let token = server.mails.last_to("new@example.com", 1).token();
        server.verify(&token).expect(204);
        let shown = server.get("/users/me").bearer(&ada.token).send().expect(200).json();
        assert_eq!(shown["email"], "new@example.com");
        assert_eq!((&shown["email_verified"], &shown["pending_email"]), (&json!(true), &json!(null)));
        // The owner of the old address takes the change back.
        let told = server.mails.last_to(&ada.email, 1);
        assert!(told.text.contains("new@example.com"), "{told:?}");
        assert_eq!(server.undo(&told.token()), 204);
        assert_eq!(server.undo(&told.token()), 400);
        server.get("/users/me").bearer(&ada.token).send().expect_problem(401, "invalid-token");
        let token = server.log_in(&ada.email);
        assert_eq!(server.get("/users/me").bearer(&token).send().expect(200).json()["email"], ada.email);
    }

    fn second_change_leaves_the_first_way_back(engine: Engine) {
        let server = Mailing::start(engine);
        let ada = server.register("ada");
        server.request_address(&ada, "second@example.com");
        server.verify(&server.mails.last_to("second@example.com", 1).token()).expect(204);
        let back = server.mails.last_to(&ada.email, 1).token();
        let thief = Person { email: "second@example.com".to_owned(), ..ada.clone() };
        server.request_address(&thief, "third@example.com");
        server.verify(&server.mails.last_to("third@example.com", 1).token()).expect(204);
        let body = json!({ "current_password": crate::support::PASSWORD, "new_password": NEW });
        let token = server.log_in("third@example.com");
        server.put("/users/me/password").bearer(&token).json(&body).send().expect(204);
        // The thief's own way back has no effect, before and after the owner's.
        let of_thief = server.mails.last_to("second@example.com", 2).token();
        assert_eq!(server.undo(&of_thief), 400);
        assert_eq!(server.undo(&back), 204);
        assert_eq!(server.undo(&of_thief), 400);
        let admin = server.admin();
        assert_eq!(server.user(&ada.id, &admin.token)["email"], ada.email);
    }

    fn administrator_or_operator_ends_every_way_back(engine: Engine) {
        let server = Mailing::start(engine);
        let admin = server.admin();
        let put = |path: String, body| server.put(&path).bearer(&admin.token).json(&body).send();
        for deed in ["address", "password", "status", "reset-link"] {
            let (person, ways) = server.robbed(deed);
            let path = person.path();
            match deed {
                "address" => {
                    let patch = server.patch(&path).if_match("*").bearer(&admin.token);
                    patch.json(&json!({ "email": person.email })).send().expect(200);
                }
                "password" => drop(put(format!("{path}/password"), json!({ "new_password": NEW })).expect(204)),
                "status" => {
                    put(format!("{path}/status"), json!({ "status": "suspended" })).expect(200);
                    put(format!("{path}/status"), json!({ "status": "active" })).expect(200);
                }
                _ => drop(server.operator(&["users", "reset-link", &person.id])),
            }
            for way in ways {
                assert_eq!(server.undo(&way), 400, "{deed}");
            }
        }
    }

    fn change_of_roles_leaves_the_way_back(engine: Engine) {
        let server = Mailing::start(engine);
        let (admin, (ada, [first, _])) = (server.admin(), server.robbed("ada"));
        let put = server.put(&format!("{}/roles", ada.path())).bearer(&admin.token);
        put.json(&json!({ "roles": ["support"] })).send().expect(200);
        assert_eq!(server.undo(&first), 204);
    }

    fn change_back_to_the_first_address_ends_every_way_back(engine: Engine) {
        let server = Mailing::start(engine);
        let (ada, [first, second]) = server.robbed("ada");
        let thief = Person { email: "third-ada@example.com".to_owned(), ..ada.clone() };
        server.request_address(&thief, "ADA@example.com");
        server.verify(&server.mails.last_to("ADA@example.com", 1).token()).expect(204);
        let told = server.mails.last_to("third-ada@example.com", 2);
        assert!(!told.text.contains("token="), "{told:?}");
        for way in [first, second] {
            assert_eq!(server.undo(&way), 400);
        }
    }

    fn second_way_back_works_once_the_first_has_expired(engine: Engine) {
        let server = Mailing::standing(engine, &[]);
        let ada = server.register("ada");
        let first = server.move_to(&ada, "second@example.com", 1);
        server.clock.advance(TimeDelta::days(6));
        let moved = Person { email: "second@example.com".to_owned(), ..ada.clone() };
        let second = server.move_to(&moved, "third@example.com", 2);
        assert_eq!(server.undo(&second), 400);
        server.clock.advance(TimeDelta::days(1));
        assert_eq!((server.undo(&first), server.undo(&second)), (400, 204));
        let admin = server.admin();
        assert_eq!(server.user(&ada.id, &admin.token)["email"], "second@example.com");
    }

    fn address_gets_three_mails_an_hour_from_all_accounts_together(engine: Engine) {
        let server = Mailing::standing(engine, &[]);
        let people: Vec<Person> = (0..5).map(|number| server.register(&format!("p{number}"))).collect();
        let ask_all = |typed: &str| {
            for person in &people {
                server.request_address(person, typed);
            }
            server.eventually_sent_all();
        };
        ask_all("victim@example.net");
        assert_eq!(server.mails.count(), 3);
        // Another spelling of the address is the same mailbox.
        ask_all("Victim@Example.net");
        assert_eq!(server.mails.count(), 3);
        ask_all("another@example.net");
        assert_eq!(server.mails.count(), 6);
        server.clock.advance(TimeDelta::minutes(61));
        ask_all("victim@example.net");
        assert_eq!(server.mails.count(), 9);
    }

    fn way_back_ends_after_seven_days(engine: Engine) {
        let server = Mailing::standing(engine, &[]);
        let ada = server.register("ada");
        server.request_address(&ada, "new@example.com");
        server.verify(&server.mails.last_to("new@example.com", 1).token()).expect(204);
        let back = server.mails.last_to(&ada.email, 1).token();
        server.clock.advance(TimeDelta::days(7));
        assert_eq!(server.undo(&back), 400);
    }

    fn administrator_changes_an_address_at_once_and_both_are_told(engine: Engine) {
        let server = Mailing::start(engine);
        let (ada, admin) = (server.register("ada"), server.admin());
        let patch = server.patch(&ada.path()).if_match("*").bearer(&admin.token);
        let shown = patch.json(&json!({ "email": "new@example.com" })).send().expect(200).json();
        assert_eq!((&shown["email"], &shown["pending_email"]), (&json!("new@example.com"), &json!(null)));
        for address in [ada.email.as_str(), "new@example.com"] {
            let mail = server.mails.last_to(address, 1);
            assert!(mail.text.contains(&ada.email) && mail.text.contains("new@example.com"), "{mail:?}");
            assert!(!mail.text.contains("token="));
        }
    }

    fn taken_address_is_not_told_to_the_other_account(engine: Engine) {
        let server = Mailing::start(engine);
        let (ada, grace) = (server.register("ada"), server.register("grace"));
        let taken = server.request_address(&ada, &grace.email);
        assert_eq!(taken["pending_email"], grace.email);
        server.request_address(&ada, "new@example.com");
        server.mails.wait_for("new@example.com", 1);
        server.eventually_sent_all();
        assert_eq!(server.mails.count(), 1);
    }

    fn address_that_was_taken_meanwhile_makes_the_link_invalid(engine: Engine) {
        let server = Mailing::start(engine);
        let ada = server.register("ada");
        server.request_address(&ada, "grace@example.com");
        let token = server.mails.last_to("grace@example.com", 1).token();
        let grace = server.register("grace");
        server.verify(&token).expect_problem(400, "invalid-link");
        assert_eq!(server.get("/users/me").bearer(&grace.token).send().expect(200).json()["email"], grace.email);
    }

    fn withdrawn_address_makes_its_link_invalid(engine: Engine) {
        let server = Mailing::start(engine);
        let ada = server.register("ada");
        server.request_address(&ada, "new@example.com");
        let token = server.mails.last_to("new@example.com", 1).token();
        assert_eq!(server.request_address(&ada, &ada.email)["pending_email"], json!(null));
        server.verify(&token).expect_problem(400, "invalid-link");
    }

    fn pending_address_cannot_be_written(engine: Engine) {
        let server = Mailing::start(engine);
        let ada = server.register("ada");
        let patch = server.patch(&ada.path()).if_match("*").bearer(&ada.token);
        let refused = patch.json(&json!({ "pending_email": "new@example.com" })).send().expect(422);
        assert_eq!(refused.broken_rules(), [("/pending_email".to_owned(), "read-only".to_owned())]);
    }
}
