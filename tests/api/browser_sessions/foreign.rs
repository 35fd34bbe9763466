//! Pages of another origin, in a browser with a session.

use serde_json::json;

use super::{OwnPage, form};
use crate::support::{Server, on_both_engines};

/// Headers that a browser sends for a page of another origin, or a program that hides it.
const FOREIGN: [&[(&str, &str)]; 9] = [
    &[("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")],
    &[("origin", "https://evil.example")],
    &[("origin", "null")],
    &[("origin", "null"), ("sec-fetch-site", "same-origin")],
    &[("origin", "")],
    &[("sec-fetch-site", "same-site")],
    &[("sec-fetch-site", "cross-site")],
    &[("origin", "http://localhost"), ("sec-fetch-site", "same-site")],
    &[("origin", "http://127.0.0.1:1"), ("sec-fetch-site", "same-site")],
];

on_both_engines! {
    fn a_foreign_page_reads_and_changes_nothing(server) {
        let ada = server.register("ada");
        let page = OwnPage::of(&server, &ada.email);
        let before = page.request("GET", "/users/me/profile").send().expect(200).body;
        for headers in FOREIGN {
            for (method, path, media, body) in [
                ("GET", "/users/me", "", ""),
                ("PATCH", "/users/me/profile", "application/json", r#"{"name":"Eve"}"#),
                ("PUT", "/users/me/profile", "application/json", r#"{"name":"Eve"}"#),
                ("PUT", "/users/me/profile", "text/plain", r#"{"name":"Eve"}"#),
                ("DELETE", "/users/me", "", ""),
                ("DELETE", "/users/me/sessions", "", ""),
                ("DELETE", "/sessions/current", "", ""),
                ("POST", "/sessions/current/authentication", "text/plain", r#"{"password":"x"}"#),
                ("POST", "/users", "application/json", r#"{"email":"x@example.com","password":"a most unusual passphrase"}"#),
            ] {
                let mut request = server.request(method, path).header("cookie", &page.cookie).if_match("*");
                for (name, value) in headers {
                    request = request.header(name, value);
                }
                let request = if media.is_empty() { request } else { request.body(media, body) };
                request.send().expect_problem(403, "foreign-origin");
            }
        }
        assert_eq!(page.request("GET", "/users/me/profile").send().expect(200).body, before);
    }

    fn a_change_without_a_known_page_is_refused(server) {
        let ada = server.register("ada");
        let page = OwnPage::of(&server, &ada.email);
        server.get("/users/me").header("cookie", &page.cookie).send().expect(200);
        let opened = server.get("/users/me").header("cookie", &page.cookie).header("sec-fetch-site", "none");
        opened.send().expect(200);
        for (method, path) in [("PUT", "/users/me/profile"), ("PATCH", "/users/me/profile"), ("POST", "/sessions/current/authentication")] {
            let request = server.request(method, path).header("cookie", &page.cookie).if_match("*").json(&json!({ "name": "Eve" }));
            request.send().expect_problem(403, "foreign-origin");
        }
        server.delete("/sessions/current").header("cookie", &page.cookie).send().expect_problem(403, "foreign-origin");
        server.delete("/sessions/current").header("cookie", &page.cookie).header("sec-fetch-site", "none").send().expect_problem(403, "foreign-origin");
        assert_eq!(page.status(), 200);
        // One of the two headers is enough.
        let named = server.put("/users/me/profile").header("cookie", &page.cookie).if_match("*").json(&json!({}));
        named.header("origin", &server.url).send().expect(200);
    }

    fn a_foreign_page_signs_nobody_in(server) {
        let eve = server.register("eve");
        for headers in FOREIGN.into_iter().chain([&[][..]]) {
            let mut request = server.post("/sessions").json(&form(&eve.email));
            for (name, value) in headers {
                request = request.header(name, value);
            }
            let answer = request.send().expect_problem(403, "foreign-origin");
            assert_eq!(answer.header("set-cookie"), None);
        }
        // Tokens are for every origin, as before.
        server.post("/sessions").json(&json!({ "email": eve.email, "password": crate::support::PASSWORD })).send().expect(200);
    }

    fn no_header_turns_a_request_into_another(server) {
        let ada = server.register("ada");
        let page = OwnPage::of(&server, &ada.email);
        for header in ["x-http-method-override", "x-http-method", "x-method-override"] {
            page.request("POST", "/users/me").header(header, "DELETE").send().expect(405);
            page.request("GET", "/users/me").header(header, "DELETE").send().expect(200);
        }
        page.request("GET", "/users/me?_method=DELETE").send();
        assert_eq!(page.status(), 200);
        let text = page.request("PUT", "/users/me/profile").if_match("*").body("text/plain", "{}");
        text.send().expect_problem(415, "unsupported-media-type");
    }
}

on_both_engines! {
    fn an_origin_of_cors_sends_no_cookie(engine: Engine) {
        let app = "https://app.example.org";
        let server = Server::start_with(engine, &[("CLOAKROOM_CORS_ORIGINS", app)]);
        let ada = server.register("ada");
        let page = OwnPage::of(&server, &ada.email);
        let sent = server.get("/users/me").header("cookie", &page.cookie).header("origin", app).send();
        let sent = sent.expect_problem(403, "foreign-origin");
        let preflight = server.request("OPTIONS", "/users/me").header("origin", app).header("access-control-request-method", "PATCH");
        for answer in [sent, preflight.send()] {
            assert_eq!(answer.header("access-control-allow-credentials"), None, "{answer:?}");
        }
    }
}
