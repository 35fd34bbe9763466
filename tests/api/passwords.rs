//! `PUT /users/{id}/password`, and the rules for passwords.

use serde_json::json;

use crate::support::{PASSWORD, Server, on_both_engines};

const NEW: &str = "an even stranger passphrase";

fn log_in(server: &Server, email: &str, password: &str) -> u16 {
    server.post("/sessions").json(&json!({ "email": email, "password": password })).send().status
}

on_both_engines! {
    fn changing_own_password_needs_the_current_one(server) {
        let ada = server.register("ada");
        let put = |body| server.put("/users/me/password").bearer(&ada.token).json(&body).send();
        let wrong = put(json!({ "current_password": "not this one", "new_password": NEW })).expect_problem(422, "invalid-body");
        assert_eq!(wrong.broken_rules(), [("/current_password".to_owned(), "wrong-password".to_owned())]);
        let missing = put(json!({ "new_password": NEW })).expect(422);
        assert_eq!(missing.broken_rules(), [("/current_password".to_owned(), "required".to_owned())]);
        assert_eq!(log_in(&server, &ada.email, PASSWORD), 200);
        put(json!({ "current_password": PASSWORD, "new_password": NEW })).expect(204);
        assert_eq!(log_in(&server, &ada.email, PASSWORD), 401);
        assert_eq!(log_in(&server, &ada.email, NEW), 200);
    }

    fn password_change_ends_all_other_sessions(server) {
        let ada = server.register("ada");
        let elsewhere = server.log_in(&ada.email);
        let body = json!({ "current_password": PASSWORD, "new_password": NEW });
        server.put("/users/me/password").bearer(&ada.token).json(&body).send().expect(204);
        server.get("/users/me").bearer(&elsewhere).send().expect_problem(401, "invalid-token");
        server.get("/users/me").bearer(&ada.token).send().expect(200);
    }

    fn administrator_reset_ends_every_session(server) {
        let ada = server.register("ada");
        let admin = server.admin();
        let path = format!("{}/password", ada.path());
        let refused = server.put(&path).bearer(&admin.token).json(&json!({ "current_password": "x", "new_password": NEW })).send();
        assert_eq!(refused.expect(422).broken_rules(), [("/current_password".to_owned(), "read-only".to_owned())]);
        server.put(&path).bearer(&admin.token).json(&json!({ "new_password": NEW })).send().expect(204);
        server.get("/users/me").bearer(&ada.token).send().expect_problem(401, "invalid-token");
        assert_eq!(log_in(&server, &ada.email, NEW), 200);
    }

    fn administrator_needs_own_current_password(server) {
        let admin = server.admin();
        let path = format!("{}/password", admin.path());
        server.put(&path).bearer(&admin.token).json(&json!({ "new_password": NEW })).send().expect(422);
    }

    fn refuses_a_short_long_or_common_password(server) {
        let register = |password: &str| {
            let body = json!({ "email": "x@example.com", "password": password });
            let answer = server.post("/users").json(&body).send();
            answer.broken_rules_if_any()
        };
        assert_eq!(register("Zq7#vL!"), ["too-short"]);
        assert_eq!(register(&"xK9 ".repeat(65)), ["too-long"]);
        assert_eq!(register("password123"), ["too-common"]);
        assert_eq!(register("x@example.com"), ["too-common"]);
        assert_eq!(register("nul\0 in the middle"), ["control-character"]);
        assert_eq!(register(&"xK9 ".repeat(64)), [""; 0]);
    }

    fn compares_every_byte_after_normalization(server) {
        let long = format!("{}A", "xK9 ".repeat(20));
        let body = json!({ "email": "x@example.com", "password": format!("\u{e9}{long}") });
        server.post("/users").json(&body).send().expect(201);
        assert_eq!(log_in(&server, "x@example.com", &format!("e\u{301}{long}")), 200);
        assert_eq!(log_in(&server, "x@example.com", &format!("\u{e9}{}B", "xK9 ".repeat(20))), 401);
    }

    fn refuses_a_huge_password_before_hashing(server) {
        let body = json!({ "email": "x@example.com", "password": "x".repeat(1 << 20) });
        server.post("/users").json(&body).send().expect_problem(413, "body-too-large");
        server.post("/sessions").json(&body).send().expect_problem(413, "body-too-large");
    }
}
