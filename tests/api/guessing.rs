//! Rate limit on password guesses: how many are checked, by network and account, which users are not affected,
//! and what a refused login tells.

use chrono::TimeDelta;
use serde_json::json;

use crate::support::{Answer, Browser, PASSWORD, Process, Server, on_both_engines};

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

    fn password_change_has_a_limit_of_its_own(server) {
        let ada = server.register("ada");
        // A stranger in the user's own network has locked the account there.
        assert_eq!((0..12).filter(|_| guess(&server, "", &ada.email) == 401).count(), 10);
        let change = |current: &str| {
            let body = json!({ "current_password": current, "new_password": "another unusual passphrase" });
            server.put(&format!("{}/password", ada.path())).bearer(&ada.token).json(&body).send()
        };
        for _ in 0..9 {
            change("not the password").expect_problem(422, "invalid-body");
        }
        change(PASSWORD).expect(204);
        change(PASSWORD).expect_problem(422, "invalid-body");
        let refused = change("another unusual passphrase").expect_problem(429, "too-many-guesses");
        assert!(refused.header("retry-after").is_some());
    }

    fn forwarding_header_of_the_setting_counts_alone(server) {
        let ada = server.register("ada");
        let address = |replica: &Server, headers: [(&str, &str); 2]| {
            let body = json!({ "email": ada.email, "password": PASSWORD });
            let login = headers.iter().fold(replica.post("/sessions"), |login, (name, value)| login.header(name, value));
            let token = login.json(&body).send().expect(200).json()["access_token"].as_str().unwrap().to_owned();
            let sessions = server.get("/users/me/sessions").bearer(&token).send().expect(200).json();
            let items = sessions["items"].as_array().unwrap();
            let current = items.iter().find(|session| session["current"] == true).unwrap();
            current["address"].as_str().unwrap().to_owned()
        };
        let by_default = server.replica_with(&PROXIED);
        let forwarded = server.replica_with(&[PROXIED[0], ("CLOAKROOM_FORWARDING_HEADER", "Forwarded")]);
        let both = [("x-forwarded-for", "203.0.113.7, 198.51.100.1"), ("forwarded", "for=203.0.113.7, for=192.0.2.60")];
        assert_eq!(address(&by_default, both), "198.51.100.1");
        assert_eq!(address(&forwarded, both), "192.0.2.60");
        assert_eq!(address(&server, both), "127.0.0.1", "no proxy is trusted");
    }

    fn pages_share_the_login_limit(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let mut browser = Browser::new(&server);
        let page = browser.open(&app.authorize(&[]));
        let wrong = [("email", ada.email.as_str()), ("password", "not the password")];
        for _ in 0..4 {
            browser.submit(&page, "log-in", &wrong).expect(403);
        }
        assert_eq!((0..8).filter(|_| guess(&server, "", &ada.email) == 401).count(), 6);
        let told = browser.submit(&page, "log-in", &[("email", &ada.email), ("password", PASSWORD)]).expect(429);
        assert!(told.body.contains("too many wrong passwords") && browser.cookie("cloakroom").is_none());
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

    fn known_user_of_a_network_is_not_refused_for_others(engine: Engine) {
        let server = Server::start_with(engine, &PROXIED);
        let (ada, grace) = (server.register("ada"), server.register("grace"));
        log_in(&server, "2001:db8:1:2::7", &ada.email, PASSWORD).expect(200);
        log_in(&server, "::ffff:198.51.100.7", &ada.email, PASSWORD).expect(200);
        // Strangers elsewhere lock the account, and a neighbour guesses at a hundred others.
        let looked_at = (0..30).filter(|n| guess(&server, &format!("2001:db8:9:{n}::1"), &ada.email) == 401).count();
        assert_eq!(looked_at, 20);
        let looked_at = (0..110).filter(|n| guess(&server, &format!("2001:db8:1:2::{n:x}"), &format!("a{n}@example.com")) == 401).count();
        assert_eq!(looked_at, 100);
        log_in(&server, "2001:db8:1:2::7", &grace.email, PASSWORD).expect(429);
        // Her own addresses in the network, the next network, and the network from which she was never logged in.
        log_in(&server, "2001:db8:1:2:ffff:ffff:ffff:ffff", &ada.email, PASSWORD).expect(200);
        log_in(&server, "2001:db8:1:3::7", &ada.email, PASSWORD).expect(429);
        log_in(&server, "198.51.100.7", &ada.email, PASSWORD).expect(200);
        log_in(&server, "198.51.100.8", &ada.email, PASSWORD).expect(429);
        // Guesses at her own account are limited there as well.
        let looked_at = (0..30).filter(|n| guess(&server, &format!("2001:db8:1:2::{n:x}"), &ada.email) == 401).count();
        assert_eq!(looked_at, 10);
        // A session that began before networks were stored is known by its address.
        server.db_run("UPDATE sessions SET network = NULL");
        log_in(&server, "198.51.100.7", &ada.email, PASSWORD).expect(200);
        log_in(&server, "198.51.100.8", &ada.email, PASSWORD).expect(429);
    }

    fn refused_logins_do_not_tell_why(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &PROXIED);
        let admin = server.admin();
        let suspend = |name: &str| {
            let person = server.register(name);
            // The account has a session from the network of the attempts.
            log_in(&server, "192.0.2.1", &person.email, PASSWORD).expect(200);
            let path = format!("{}/status", person.path());
            server.put(&path).bearer(&admin.token).json(&json!({ "status": "suspended" })).send().expect(200);
            person.email
        };
        let (suspended, also, active) = (suspend("suspended"), suspend("also"), server.register("active"));
        server.operator_with_input(&["users", "import", "-"], &json!({ "email": "bare@example.com" }).to_string());
        let attempts: [(&str, &str); 6] = [
            (&active.email, "not the password"),
            (&suspended, PASSWORD),
            (&also, "not the password"),
            ("nobody@example.com", PASSWORD),
            ("bare@example.com", PASSWORD),
            ("not an address", PASSWORD),
        ];
        let seen = |answer: &Answer| {
            let mut headers = answer.headers.clone();
            headers.retain(|(name, _)| name != "date");
            headers.sort();
            (answer.status, headers, answer.body.clone())
        };
        let sequence = |from: &str, email: &str, password: &str| -> Vec<_> {
            let body = json!({ "email": email, "password": password });
            let attempt = || server.post("/sessions").header("x-forwarded-for", from).header("x-request-id", "same").json(&body).send();
            (0..13).map(|_| seen(&attempt())).collect()
        };
        let usual = sequence("192.0.2.101", attempts[0].0, attempts[0].1);
        let statuses: Vec<u16> = usual.iter().map(|(status, ..)| *status).collect();
        assert_eq!(statuses, [vec![401; 10], vec![429; 3]].concat());
        for (n, (email, password)) in attempts.iter().enumerate().skip(1) {
            assert_eq!(sequence(&format!("192.0.2.{}", 101 + n), email, password), usual, "{email}");
        }
        // From another network the account's own limit is reached in the same way: ten of its twenty are left.
        let elsewhere = |n: usize| sequence(&format!("198.51.100.{}", 1 + n), attempts[n].0, attempts[n].1);
        let usual = elsewhere(0);
        (1..attempts.len()).for_each(|n| assert_eq!(elsewhere(n), usual, "{}", attempts[n].0));
        let third = |n: usize| sequence(&format!("203.0.113.{}", 1 + n), attempts[n].0, attempts[n].1);
        let locked = third(0);
        assert!(locked.iter().all(|(status, ..)| *status == 429), "{locked:?}");
        (1..attempts.len()).for_each(|n| assert_eq!(third(n), locked, "{}", attempts[n].0));
    }

    fn refused_sign_ins_do_not_tell_why(engine: Engine) {
        let server = Server::start_with(engine, &PROXIED);
        let (admin, active, suspended) = (server.admin(), server.register("active"), server.register("suspended"));
        let app = server.application("photos", "openid users:read");
        let path = format!("{}/status", suspended.path());
        server.put(&path).bearer(&admin.token).json(&json!({ "status": "suspended" })).send().expect(200);
        let sequence = |email: &str, password: &str| -> Vec<(u16, bool, Option<String>)> {
            let mut browser = Browser::new(&server);
            let page = browser.open(&app.authorize(&[]));
            let mut attempt = || browser.submit(&page, "log-in", &[("email", email), ("password", password)]);
            let seen = |answer: Answer| (answer.status, answer.body.contains("is wrong"), answer.header("ratelimit").map(str::to_owned));
            (0..12).map(|_| seen(attempt())).collect()
        };
        let usual = sequence(&active.email, "not the password");
        assert_eq!(usual[0], (403, true, None));
        assert_eq!(sequence(&suspended.email, PASSWORD), usual);
        assert_eq!(sequence("nobody@example.com", PASSWORD), usual);
    }

    fn refused_attempts_leave_no_counter(engine: Engine) {
        let server = Server::start_with(engine, &PROXIED);
        let ada = server.register("ada");
        let attempt = |from: &str, email: &str| guess(&server, from, email);
        (0..100).for_each(|n| assert_eq!(attempt("192.0.2.1", &format!("a{n}@example.com")), 401));
        (0..20).for_each(|n| assert_eq!(attempt(&format!("198.51.100.{n}"), &ada.email), 401));
        let counters = || server.db_number("SELECT COUNT(*) AS total FROM guesses");
        let before = counters();
        for n in 0..20 {
            assert_eq!(attempt("192.0.2.1", &format!("b{n}@example.com")), 429);
            assert_eq!(attempt(&format!("203.0.113.{n}"), &ada.email), 429);
        }
        log_in(&server, "203.0.113.99", &server.admin().email, PASSWORD).expect(200);
        assert_eq!(counters(), before, "neither does a right password");
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

#[test]
fn warns_once_of_a_forwarding_header_that_does_not_count() {
    let logged = |settings: &[(&str, &str)], header: (&str, &str)| {
        let dir = tempfile::TempDir::new().unwrap();
        let server = Process::start(dir.path(), settings);
        for _ in 0..3 {
            let body = json!({ "email": "ada@example.com", "password": "x" });
            server.request("POST", "/sessions").header(header.0, header.1).json(&body).send().expect(401);
        }
        server.log()
    };
    for header in [("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=192.0.2.1")] {
        assert_eq!(logged(&[], header).matches("CLOAKROOM_TRUSTED_PROXIES").count(), 1, "{header:?}");
    }
    let log = logged(&PROXIED, ("forwarded", "for=192.0.2.1"));
    assert_eq!(log.matches("CLOAKROOM_FORWARDING_HEADER").count(), 1, "{log}");
    let log = logged(&PROXIED, ("x-forwarded-for", "192.0.2.1"));
    assert!(!log.contains("CLOAKROOM_"), "{log}");
}
