//! End and lifetime of a browser session.

use chrono::TimeDelta;
use serde_json::json;

use super::{OwnPage, pair, set_password};
use crate::support::{PASSWORD, Person, Server, on_both_engines};

type End = fn(&Server, &Person, &Person, &OwnPage);

/// Everything that ends the session of a user.
const ENDS: [(&str, End); 8] = [
    ("a suspension", |server, admin, user, _| {
        let status = server.put(&format!("{}/status", user.path())).bearer(&admin.token);
        status.json(&json!({ "status": "suspended" })).send().expect(200);
    }),
    ("a deletion", |server, admin, user, _| {
        server.delete(&user.path()).bearer(&admin.token).send().expect(204);
    }),
    ("a new password by an administrator", |server, admin, user, _| {
        let password = server.put(&format!("{}/password", user.path())).bearer(&admin.token);
        password.json(&json!({ "new_password": "an even stranger passphrase" })).send().expect(204);
    }),
    ("a new password in another session", |server, _, user, _| {
        set_password(server, user).bearer(&user.token).send().expect(204);
    }),
    ("the end of this session", |server, _, user, page| {
        let sessions = page.request("GET", "/users/me/sessions").send().expect(200).json();
        let own =
            sessions["items"].as_array().unwrap().iter().find(|session| session["current"] == true).unwrap();
        let path = format!("{}/sessions/{}", user.path(), own["id"].as_str().unwrap());
        server.delete(&path).bearer(&user.token).send().expect(204);
    }),
    ("the end of all sessions", |server, _, user, _| {
        server.delete(&format!("{}/sessions", user.path())).bearer(&user.token).send().expect(204);
    }),
    ("the end of all other sessions", |server, _, user, _| {
        server
            .delete(&format!("{}/sessions?except=current", user.path()))
            .bearer(&user.token)
            .send()
            .expect(204);
    }),
    ("its sign-out", |_, _, _, page| {
        page.request("DELETE", "/sessions/current").send().expect(204);
    }),
];

on_both_engines! {
    fn what_ends_sessions_ends_the_cookie_at_once(server) {
        let (admin, replica) = (server.admin(), server.replica());
        for (number, (what, end)) in ENDS.into_iter().enumerate() {
            let user = server.register(&format!("user{number}"));
            let page = OwnPage::of(&server, &user.email);
            let elsewhere = OwnPage { server: &replica, origin: server.url.clone(), cookie: page.cookie.clone() };
            assert_eq!((page.status(), elsewhere.status()), (200, 200), "before {what}");
            end(&server, &admin, &user, &page);
            assert_eq!((elsewhere.status(), page.status()), (401, 401), "after {what}");
        }
    }

    fn a_changed_role_counts_with_the_next_request(server) {
        let (ada, admin) = (server.register("ada"), server.admin());
        let page = OwnPage::of(&server, &ada.email);
        server.put(&format!("{}/roles", ada.path())).bearer(&admin.token).json(&json!({ "roles": [] })).send().expect(200);
        page.request("GET", "/users/me").send().expect_problem(403, "insufficient-scope");
    }

    fn a_changed_password_keeps_the_session_that_changed_it(server) {
        let ada = server.register("ada");
        let (page, other) = (OwnPage::of(&server, &ada.email), OwnPage::of(&server, &ada.email));
        let passwords = json!({ "current_password": PASSWORD, "new_password": "an even stranger passphrase" });
        page.request("PUT", "/users/me/password").json(&passwords).send().expect(204);
        assert_eq!((page.status(), other.status()), (200, 401));
        page.request("DELETE", "/users/me/sessions?except=current").send().expect(204);
        assert_eq!(page.status(), 200);
    }
}

on_both_engines! {
    fn a_stale_session_authenticates_again_and_gets_a_new_cookie(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &[]);
        let ada = server.register("ada");
        let mut page = OwnPage::of(&server, &ada.email);
        let change = |page: &OwnPage| page.request("PATCH", "/users/me").if_match("*").json(&json!({ "email": "new@example.com" })).send();
        server.clock.advance(TimeDelta::minutes(11));
        change(&page).expect_problem(401, "insufficient-user-authentication");
        let wrong = page.authenticate("a password of nobody at all").expect_problem(422, "invalid-body");
        assert_eq!((wrong.header("set-cookie"), wrong.broken_rules()), (None, vec![("/password".to_owned(), "wrong-password".to_owned())]));
        let before = page.cookie.clone();
        let again = page.authenticate(PASSWORD).expect(204);
        assert_eq!((again.body.as_str(), pair(&again) == before), ("", false));
        change(&page).expect(200);
        let old = OwnPage { server: &server, origin: server.url.clone(), cookie: before };
        assert_eq!(old.status(), 401, "the cookie of before has no session");
    }

    fn an_unused_session_ends_and_a_used_one_goes_on(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &[]);
        let ada = server.register("ada");
        let (used, unused) = (OwnPage::of(&server, &ada.email), OwnPage::of(&server, &ada.email));
        for day in 1..=89 {
            server.clock.advance(TimeDelta::days(1));
            assert_eq!(used.status(), 200, "day {day}");
        }
        assert_eq!(unused.status(), 401, "unused for longer than a refresh token lives");
        server.clock.advance(TimeDelta::days(1));
        assert_eq!(used.status(), 401, "a session ends after 90 days");
    }

    fn the_use_of_a_session_is_written_as_seldom_as_a_refresh(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &[]);
        let ada = server.register("ada");
        let page = OwnPage::of(&server, &ada.email);
        let last_used = || {
            let sessions = page.request("GET", "/users/me/sessions").send().expect(200).json();
            let own = sessions["items"].as_array().unwrap().iter().find(|session| session["current"] == true).cloned();
            own.unwrap()["last_used_at"].as_str().unwrap().to_owned()
        };
        let first = last_used();
        server.clock.advance(TimeDelta::minutes(9));
        assert_eq!(last_used(), first);
        server.clock.advance(TimeDelta::minutes(2));
        let second = last_used();
        assert_ne!(second, first);
        server.clock.advance(TimeDelta::minutes(9));
        assert_eq!(last_used(), second);
    }
}
