//! `/password-resets`: a new password by a mailed link.

use chrono::TimeDelta;
use serde_json::json;

use super::{Mailing, NEW};
use crate::query_plans::heard;
use crate::support::{Engine, Mail, PASSWORD, Server, on_both_engines};

/// Returns true for a statement that reads accounts or that writes. The replica also looks for work in the background.
fn is_of_a_request(text: &str) -> bool {
    let tables = ["users", "identities", "account_tokens", "pending_registrations"];
    let is_write = text.starts_with("INSERT") || text.starts_with("UPDATE");
    let background = ["job_leases", "AS oldest", "DELETE", "`users`.`id` IN (?", "\"users\".\"id\" = ANY"];
    let is_background = background.iter().any(|part| text.contains(part));
    !is_background
        && (tables.iter().any(|table| text.contains(table)) || (is_write && text.contains("outbox")))
}

impl Server {
    /// Holds the lease of the job that sends mail: the clock stands still, so that it does not end.
    fn without_sender(self) -> Self {
        let (run, until) = match self.engine {
            Engine::Sqlite => ("x'00000000000000000000000000000001'", "started_at + 10000000"),
            Engine::Postgres => {
                ("'00000000-0000-0000-0000-000000000001'", "started_at + interval '10 seconds'")
            }
        };
        self.db_run(&format!(
            "UPDATE job_leases SET run = {run}, held_until = {until} WHERE name = 'send mail'"
        ));
        self
    }
}

on_both_engines! {
    fn mailed_link_sets_a_new_password_and_ends_all_sessions(engine: Engine) {
        let server = Mailing::start(engine);
        let ada = server.register("ada");
        server.request_reset("Ada@example.com").expect(202);
        let token = server.mails.last_to(&ada.email, 1).token();
        // A rule that the password breaks does not spend the token.
        let refused = server.reset(&token, "short").expect_problem(422, "invalid-body");
        assert_eq!(refused.broken_rules(), [("/new_password".to_owned(), "too-short".to_owned())]);
        server.reset(&token, NEW).expect(204);
        server.get("/users/me").bearer(&ada.token).send().expect_problem(401, "invalid-token");
        assert_eq!(server.try_log_in(&ada.email, PASSWORD), 401);
        assert_eq!(server.try_log_in(&ada.email, NEW), 200);
        let admin = server.admin();
        assert_eq!(server.user(&ada.id, &admin.token)["email_verified"], true);
        let trail = server.get(&format!("/users/{}/audit", ada.id)).bearer(&admin.token).send().expect(200).json();
        let deeds = trail["items"].as_array().unwrap();
        assert!(deeds.iter().any(|deed| deed["action"] == "set_password" && deed["outcome"] == "done"), "{trail}");
    }

    fn known_and_unknown_addresses_get_the_same_answer(engine: Engine) {
        let server = Mailing::start(engine);
        let ada = server.register("ada");
        let stripped = |email: &str| {
            let answer = server.request_reset(email).expect(202);
            let own = ["x-request-id", "date", "ratelimit"];
            let headers = answer.headers.into_iter().filter(|(name, _)| !own.contains(&name.as_str()));
            (headers.collect::<std::collections::BTreeSet<_>>(), answer.body)
        };
        assert_eq!(stripped(&ada.email), stripped("nobody@example.com"));
        server.post("/password-resets").json(&json!({ "email": "no address" })).send().expect(422);
        server.mails.wait_for(&ada.email, 1);
        assert_eq!(server.mails.count(), 1);
    }

    fn known_and_unknown_addresses_cost_the_same_statements(engine: Engine) {
        let verified = [("CLOAKROOM_REGISTRATION", "verified")];
        let server = Mailing::standing(engine, &verified);
        let admin = server.admin();
        // A run that goes on holds the job that sends mail, so that the replica sends the statements of requests alone.
        server.request_reset(&admin.email).expect(202);
        server.mails.wait_for(&admin.email, 1);
        server.eventually_sent_all();
        let Mailing { server, mails } = server;
        let server = server.without_sender();
        let own = mails.settings();
        let settings: Vec<(&str, &str)> = own.iter().map(|(name, value)| (*name, value.as_str())).chain(verified).collect();
        let statements = |typed: &str| {
            let mut replica = None;
            let mut heard = heard(&server, || {
                let replica = replica.insert(server.replica_with(&settings));
                let reset = replica.post("/password-resets").json(&json!({ "email": typed }));
                reset.send().expect(202);
                let registration = json!({ "email": typed, "password": NEW });
                replica.post("/users").json(&registration).send().expect(202);
            });
            heard.all.retain(|text| is_of_a_request(text));
            heard.all.sort();
            heard.all
        };
        let known = statements(&admin.email);
        let queued = known.iter().filter(|text| text.starts_with("INSERT INTO")).count();
        assert!(queued >= 2, "{known:#?}");
        assert_eq!(known, statements("nobody@example.com"));
    }

    fn text_that_a_mail_program_reads_otherwise_is_no_address(engine: Engine) {
        let server = Mailing::start(engine);
        let (admin, ada) = (server.admin(), server.register("ada"));
        for typed in [
            "a@example.com\r\nBcc: x@evil.example",
            "a\n@example.com",
            "a@example.com,b@example.com",
            "a@b@example.com",
            "=?utf-8?q?=0d=0aBcc=3ax=40evil.example?=@example.com",
            "\u{ff1d}\u{ff1f}utf-8\u{ff1f}q\u{ff1f}ada\u{ff1f}\u{ff1d}@example.com",
            "\"a@evil.example\"@example.com",
            "a(evil)@example.com",
            "<a@example.com>",
            "@evil.example:a@example.com",
        ] {
            let broken = |answer: crate::support::Answer| {
                let answer = answer.expect_problem(422, "invalid-body");
                assert_eq!(answer.broken_rules(), [("/email".to_owned(), "invalid-email".to_owned())], "{typed:?}");
            };
            let body = json!({ "email": typed });
            broken(server.request_reset(typed));
            broken(server.post("/users").json(&json!({ "email": typed, "password": PASSWORD })).send());
            broken(server.post("/users").bearer(&admin.token).json(&body).send());
            broken(server.patch(&ada.path()).if_match("*").bearer(&ada.token).json(&body).send());
            server.operator_refused(&["users", "invite", "--email", typed, "--link"]);
        }
        server.eventually_sent_all();
        assert_eq!(server.mails.count(), 0);
    }

    fn address_that_a_relay_can_read_as_another_gets_no_mail(engine: Engine) {
        let server = Mailing::start(engine);
        let (ada, grace) = (server.register("ada"), server.register("grace%evil.example"));
        // An account that is older than the rule.
        server.db_run("UPDATE users SET email = '=?utf-8?q?ada?=@example.com' WHERE email = 'ada@example.com'");
        for person in [ada, grace] {
            server.post(&format!("{}/email-verification", person.path())).bearer(&person.token).send().expect(202);
        }
        server.eventually_sent_all();
        assert_eq!(server.mails.count(), 0);
        let status = server.operator(&["mail", "status"]);
        assert!(status.contains("2 given up") && status.contains("read it as another"), "{status}");
    }

    fn invalid_links_get_one_and_the_same_answer(engine: Engine) {
        let server = Mailing::standing(engine, &[]);
        let (ada, grace) = (server.register("ada"), server.register("grace"));
        let admin = server.admin();
        server.request_reset(&ada.email).expect(202);
        let used = server.mails.last_to(&ada.email, 1).token();
        server.reset(&used, NEW).expect(204);
        server.post(&format!("{}/email-verification", grace.path())).bearer(&grace.token).send().expect(202);
        let other_purpose = server.mails.last_to(&grace.email, 1).token();
        server.request_reset(&grace.email).expect(202);
        let expired = server.mails.last_to(&grace.email, 2).token();
        server.clock.advance(TimeDelta::hours(1));
        let wrong = "A".repeat(43);
        let answers: Vec<String> = [&used, &other_purpose, &expired, &used[..20], &wrong, "é", "", &admin.token]
            .iter()
            .map(|token| {
                let answer = server.reset(token, NEW).expect_problem(400, "invalid-link");
                let mut body = answer.json();
                body["request_id"] = json!(null);
                body.to_string()
            })
            .collect();
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    }

    fn link_of_another_purpose_or_server_is_worth_nothing(engine: Engine) {
        let (server, other) = (Mailing::standing(engine, &[]), Mailing::start(engine));
        let (admin, people) = (server.admin(), ["reset", "verify", "confirm", "undo"].map(|name| server.register(name)));
        let [reset, verify, confirm, undo] = &people;
        other.register("reset");
        server.request_reset(&reset.email).expect(202);
        server.post(&format!("{}/email-verification", verify.path())).bearer(&verify.token).send().expect(202);
        for (person, new) in [(confirm, "new-confirm@example.com"), (undo, "new-undo@example.com")] {
            let patch = server.patch(&person.path()).if_match("*").bearer(&person.token);
            patch.json(&json!({ "email": new })).send().expect(200);
        }
        server.verify(&server.mails.last_to("new-undo@example.com", 1).token()).expect(204);
        let body = json!({ "email": "invited@example.com" });
        let invited = server.post("/users").bearer(&admin.token).json(&body).send().expect(201).json();
        let path = format!("/users/{}/invitation", invited["id"].as_str().unwrap());
        server.post(&path).bearer(&admin.token).json(&json!({})).send().expect(202);
        // Each purpose with the route at which it is redeemed.
        let of = |email: &str| server.mails.last_to(email, 1).token();
        let links = [
            (of(&reset.email), "/password-resets/redeem"),
            (of(&verify.email), "/email-verifications/redeem"),
            (of("new-confirm@example.com"), "/email-verifications/redeem"),
            (of(&undo.email), "/email-changes/undo"),
            (of("invited@example.com"), "/invitations/redeem"),
        ];
        let redeem = |server: &Mailing, route: &str, token: &str| {
            let takes_password = ["/password-resets/redeem", "/invitations/redeem"].contains(&route);
            let body = match takes_password {
                true => json!({ "token": token, "new_password": NEW }),
                false => json!({ "token": token }),
            };
            server.post(route).json(&body).send()
        };
        let routes: std::collections::BTreeSet<&str> = links.iter().map(|(_, route)| *route).collect();
        for (token, own) in &links {
            for route in routes.iter().filter(|route| *route != own) {
                redeem(&server, route, token).expect_problem(400, "invalid-link");
            }
            redeem(&other, own, token).expect_problem(400, "invalid-link");
        }
        for (token, own) in &links {
            redeem(&server, own, token).expect(204);
        }
    }

    fn one_account_gets_three_mails_an_hour_and_ten_a_day(engine: Engine) {
        let server = Mailing::standing(engine, &[("CLOAKROOM_RATE_LIMITS", "off")]);
        let ada = server.register("ada");
        for hour in 0..5 {
            std::thread::scope(|scope| {
                for _ in 0..20 {
                    scope.spawn(|| server.request_reset(&ada.email).expect(202));
                }
            });
            let expected = [3, 6, 9, 10, 10][hour];
            server.mails.wait_for(&ada.email, expected);
            server.eventually_sent_all();
            assert_eq!(server.mails.count(), expected);
            server.clock.advance(TimeDelta::minutes(61));
        }
        // Only the newest link is valid.
        let tokens: Vec<String> = server.mails.wait_for(&ada.email, 10).iter().map(Mail::token).collect();
        for token in &tokens[..9] {
            server.reset(token, NEW).expect_problem(400, "invalid-link");
        }
    }

    fn of_fifty_redemptions_at_once_one_wins(engine: Engine) {
        let server = Mailing::start(engine);
        let ada = server.register("ada");
        server.request_reset(&ada.email).expect(202);
        let token = server.mails.last_to(&ada.email, 1).token();
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let redeem = |number: usize| {
                let (server, token) = (&server, &token);
                scope.spawn(move || server.reset(token, &format!("{NEW} {number}")).status)
            };
            let all: Vec<_> = (0..50).map(redeem).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert_eq!(statuses.iter().filter(|status| **status == 204).count(), 1, "{statuses:?}");
        assert!(statuses.iter().all(|status| [204, 400, 409, 503].contains(status)), "{statuses:?}");
    }

    fn link_is_dead_after_another_change_of_the_account(engine: Engine) {
        let server = Mailing::start(engine);
        let admin = server.admin();
        let requested = |name: &str| {
            let person = server.register(name);
            server.request_reset(&person.email).expect(202);
            let token = server.mails.last_to(&person.email, 1).token();
            (person, token)
        };
        let put = |path: String, body| server.put(&path).bearer(&admin.token).json(&body).send();
        let (password, address, status) = (requested("one"), requested("two"), requested("three"));
        put(format!("{}/password", password.0.path()), json!({ "new_password": NEW })).expect(204);
        let patched = server.patch(&address.0.path()).if_match("*").bearer(&admin.token).json(&json!({ "email": "2@example.com" }));
        patched.send().expect(200);
        put(format!("{}/status", status.0.path()), json!({ "status": "suspended" })).expect(200);
        put(format!("{}/status", status.0.path()), json!({ "status": "active" })).expect(200);
        for (_, token) in [password, address, status] {
            server.reset(&token, NEW).expect_problem(400, "invalid-link");
        }
    }

    fn suspended_accounts_get_no_link(engine: Engine) {
        let server = Mailing::start(engine);
        let (admin, ada) = (server.admin(), server.register("ada"));
        let body = json!({ "status": "suspended" });
        server.put(&format!("{}/status", ada.path())).bearer(&admin.token).json(&body).send().expect(200);
        server.request_reset(&ada.email).expect(202);
        server.request_reset(&admin.email).expect(202);
        server.mails.wait_for(&admin.email, 1);
        server.eventually_sent_all();
        assert_eq!(server.mails.count(), 1);
    }

    fn host_and_forwarded_change_no_link(engine: Engine) {
        let server = Mailing::start(engine);
        let ada = server.register("ada");
        let request = server.post("/password-resets").header("host", "evil.example").header("forwarded", "host=evil.example");
        request.header("x-forwarded-host", "evil.example").json(&json!({ "email": ada.email })).send().expect(202);
        let mail = server.mails.last_to(&ada.email, 1);
        assert!(mail.link().starts_with(&format!("{}/oauth/reset-password?token=", server.url)), "{mail:?}");
        assert!(!mail.html.contains("evil.example"));
    }

    fn requests_for_mail_are_limited_by_network(engine: Engine) {
        let server = Mailing::standing(engine, &[]);
        let statuses: Vec<u16> = (0..101).map(|number| server.request_reset(&format!("{number}@example.com")).status).collect();
        assert!(statuses[..100].iter().all(|status| *status == 202), "{statuses:?}");
        let refused = server.request_reset("one-more@example.com").expect_problem(429, "too-many-requests");
        assert!(refused.header("retry-after").is_some());
        server.clock.advance(TimeDelta::minutes(16));
        server.request_reset("one-more@example.com").expect(202);
    }

    fn without_a_mail_server_there_are_no_mail_routes(engine: Engine) {
        let server = crate::support::Server::start(engine);
        server.post("/password-resets").json(&json!({ "email": "ada@example.com" })).send().expect_problem(404, "unknown-path");
        server.get("/oauth/forgot-password").send().expect(404);
        assert_eq!(server.get("/service").send().expect(200).json()["sends_mail"], false);
    }
}
