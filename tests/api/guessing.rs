//! Rate limit on password guesses: how many are checked, by address and account, and which users are not
//! affected.

use chrono::TimeDelta;
use serde_json::json;

use crate::support::{Answer, Browser, PASSWORD, Server, on_both_engines};

const PROXIED: [(&str, &str); 1] = [("CLOAKROOM_TRUSTED_PROXIES", "127.0.0.1")];

/// Logs in from a client IP address that a trusted proxy reports.
fn log_in(server: &Server, from: &str, email: &str, password: &str) -> Answer {
    let body = json!({ "email": email, "password": password });
    server.post("/sessions").header("x-forwarded-for", from).json(&body).send()
}

fn guess(server: &Server, from: &str, email: &str) -> u16 {
    log_in(server, from, email, "not the password").status
}

on_both_engines! {
    fn ten_guesses_are_checked_across_replicas(server) {
        let ada = server.register("ada");
        let replica = server.replica();
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let guess = |server| { let email = &ada.email; scope.spawn(move || (0..25).map(|_| guess(server, "", email)).collect::<Vec<_>>()) };
            let threads: Vec<_> = (0..4).flat_map(|_| [guess(&server), guess(&replica)]).collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("answers")).collect()
        });
        let count = |status: u16| statuses.iter().filter(|got| **got == status).count();
        assert_eq!((count(401), count(429)), (10, 190), "{statuses:?}");
        // The right password is not checked either, and the answer does not show that it is right.
        let body = json!({ "email": ada.email, "password": PASSWORD });
        let refused = replica.post("/sessions").json(&body).send().expect_problem(429, "too-many-guesses");
        let seconds: i64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=900).contains(&seconds), "{seconds}");
        // An existing session stays valid.
        server.get("/users/me").bearer(&ada.token).send().expect(200);
    }

    fn limits_unknown_and_known_accounts_alike(server) {
        let ada = server.register("ada");
        let outcome = |email: &str| (0..12).map(|_| log_in(&server, "", email, "x").status).collect::<Vec<_>>();
        assert_eq!(outcome(&ada.email), outcome("nobody@example.com"));
    }

    fn ignores_forwarded_address_of_an_untrusted_proxy(server) {
        let ada = server.register("ada");
        for n in 0..10 {
            assert_eq!(guess(&server, &format!("192.0.2.{n}"), &ada.email), 401);
        }
        assert_eq!(guess(&server, "192.0.2.200", &ada.email), 429);
    }

    fn pages_and_password_changes_share_the_login_limit(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let mut browser = Browser::new(&server);
        let page = browser.open(&app.authorize(&[]));
        let wrong = [("email", ada.email.as_str()), ("password", "not the password")];
        for _ in 0..4 {
            browser.submit(&page, "log-in", &wrong).expect(403);
        }
        let change = |current: &str| {
            let body = json!({ "current_password": current, "new_password": "another unusual passphrase" });
            server.put(&format!("{}/password", ada.path())).bearer(&ada.token).json(&body).send()
        };
        for _ in 0..4 {
            change("not the password").expect_problem(422, "invalid-body");
        }
        assert_eq!((guess(&server, "", &ada.email), guess(&server, "", &ada.email)), (401, 401));
        change(PASSWORD).expect_problem(429, "too-many-guesses");
        let told = browser.submit(&page, "log-in", &[("email", &ada.email), ("password", PASSWORD)]).expect(429);
        assert!(told.body.contains("too many wrong passwords") && browser.cookie("__Host-cloakroom").is_none());
    }

    fn correct_password_neither_counts_nor_resets(server) {
        let ada = server.register("ada");
        for _ in 0..9 {
            assert_eq!(guess(&server, "", &ada.email), 401);
        }
        for _ in 0..5 {
            server.log_in(&ada.email);
        }
        assert_eq!((guess(&server, "", &ada.email), guess(&server, "", &ada.email)), (401, 429));
    }
}

on_both_engines! {
    fn limit_resets_after_fifteen_minutes(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &[]);
        let ada = server.register("ada");
        let guesses = || (0..11).map(|_| guess(&server, "", &ada.email)).filter(|status| *status == 401).count();
        assert_eq!(guesses(), 10);
        server.clock.advance(TimeDelta::minutes(15) - TimeDelta::milliseconds(1));
        assert_eq!(guesses(), 0);
        server.clock.advance(TimeDelta::milliseconds(1));
        server.log_in(&ada.email);
        assert_eq!(guesses(), 10);
    }

    fn attacker_cannot_lock_a_user_out(engine: Engine) {
        let server = Server::start_with(engine, &PROXIED);
        let ada = server.register("ada");
        log_in(&server, "198.51.100.7", &ada.email, PASSWORD).expect(200);
        // Attackers at many addresses guess until new logins are refused.
        let looked_at = (0..30).filter(|n| guess(&server, &format!("192.0.2.{n}"), &ada.email) == 401).count();
        assert_eq!(looked_at, 20);
        log_in(&server, "203.0.113.5", &ada.email, PASSWORD).expect(429);
        // From an address where she is logged in, she can log in again.
        log_in(&server, "198.51.100.7", &ada.email, PASSWORD).expect(200);
    }

    fn one_address_can_guess_at_a_hundred_accounts(engine: Engine) {
        let server = Server::start_with(engine, &PROXIED);
        let ada = server.register("ada");
        let looked_at = (0..110).filter(|n| guess(&server, "192.0.2.1", &format!("a{n}@example.com")) == 401).count();
        assert_eq!(looked_at, 100);
        log_in(&server, "192.0.2.1", &ada.email, PASSWORD).expect(429);
        log_in(&server, "192.0.2.2", &ada.email, PASSWORD).expect(200);
    }

    fn limits_can_be_turned_off(engine: Engine) {
        let server = Server::start_with(engine, &[("CLOAKROOM_RATE_LIMITS", "off")]);
        let ada = server.register("ada");
        assert!((0..15).all(|_| guess(&server, "", &ada.email) == 401));
        server.log_in(&ada.email);
    }
}
