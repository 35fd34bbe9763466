//! Browser sessions: a page of the server's own origin sends a cookie instead of a token.

mod foreign;
mod lifetime;

use serde_json::{Value, json};

use crate::support::{
    Answer, Browser, PASSWORD, Person, Request, Server, on_both_engines, redirect_parameter, send_raw,
};

/// User in a browser, on a page of the server's own origin.
struct OwnPage<'s> {
    server: &'s Server,
    origin: String,
    cookie: String,
}

/// Sends the form of a page of the server's own origin.
fn submit(server: &Server, members: &Value) -> Answer {
    server.post("/sessions").header("origin", &server.url).json(members).send()
}

/// Returns the name and the value of the cookie that an answer sets.
fn pair(answer: &Answer) -> String {
    let cookie = answer.header("set-cookie").unwrap_or_else(|| panic!("no cookie: {answer:?}"));
    cookie.split(';').next().expect("a pair").to_owned()
}

fn form(email: &str) -> Value {
    json!({ "email": email, "password": PASSWORD, "cookie": true })
}

impl<'s> OwnPage<'s> {
    /// Signs a user in.
    fn of(server: &'s Server, email: &str) -> Self {
        let answer = submit(server, &form(email)).expect(204);
        Self { server, origin: server.url.clone(), cookie: pair(&answer) }
    }

    fn request(&self, method: &str, path: &str) -> Request {
        let request = self.server.request(method, path).header("cookie", &self.cookie);
        request.header("origin", &self.origin).header("sec-fetch-site", "same-origin")
    }

    /// Returns the status of a read of the user's own account.
    fn status(&self) -> u16 {
        self.request("GET", "/users/me").send().status
    }

    /// Proves the password again. The page goes on with the new cookie.
    fn authenticate(&mut self, password: &str) -> Answer {
        let request = self.request("POST", "/sessions/current/authentication");
        let answer = request.json(&json!({ "password": password })).send();
        if answer.status == 204 {
            self.cookie = pair(&answer);
        }
        answer
    }
}

fn set_password(server: &Server, user: &Person) -> Request {
    let passwords = json!({ "current_password": PASSWORD, "new_password": "an even stranger passphrase" });
    server.put(&format!("{}/password", user.path())).json(&passwords)
}

on_both_engines! {
    fn a_page_signs_in_without_a_token(server) {
        let ada = server.register("ada");
        let answer = submit(&server, &form(&ada.email)).expect(204);
        assert_eq!(answer.body, "", "a script reads nothing");
        let cookie = answer.header("set-cookie").expect("a cookie");
        assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax") && cookie.len() < 200, "{cookie}");
        let page = OwnPage { server: &server, origin: server.url.clone(), cookie: pair(&answer) };
        let me = page.request("GET", "/users/me").send().expect(200);
        assert_eq!((me.json()["id"].as_str(), me.header("cache-control")), (Some(ada.id.as_str()), Some("no-store")));
        assert_eq!(page.request("HEAD", "/users/me").send().expect(200).body, "");
        page.request("PATCH", "/users/me/profile").if_match("*").json(&json!({ "name": "Ada" })).send().expect(200);
        let sessions = page.request("GET", "/users/me/sessions").send().expect(200).json();
        let current: Vec<&Value> = sessions["items"].as_array().unwrap().iter().filter(|session| session["current"] == true).collect();
        assert_eq!((current.len(), &current[0]["client_id"]), (1, &Value::Null));
        let entries = page.request("GET", "/users/me/audit").send().expect(200).json();
        let actions: Vec<&Value> = entries["items"].as_array().unwrap().iter().map(|entry| &entry["action"]).collect();
        assert!(actions.contains(&&json!("log_in")) && actions.contains(&&json!("update")), "{actions:?}");
        let out = page.request("DELETE", "/sessions/current").send().expect(204);
        assert!(out.header("set-cookie").is_some_and(|cookie| cookie.contains("=; ") && cookie.contains("Max-Age=0")));
        page.request("GET", "/users/me").send().expect_problem(401, "unauthenticated");
        server.get("/users/me").bearer(&ada.token).send().expect(200);
        assert_eq!(server.delete("/sessions/current").bearer(&ada.token).send().expect(204).header("set-cookie"), None);
    }

    fn only_a_remembered_cookie_outlives_the_browser(server) {
        let ada = server.register("ada");
        for (remember, lasts) in [(None, false), (Some(false), false), (Some(true), true)] {
            let mut members = form(&ada.email);
            if let Some(remember) = remember {
                members["remember"] = remember.into();
            }
            let first = submit(&server, &members).expect(204);
            let mut page = OwnPage { server: &server, origin: server.url.clone(), cookie: pair(&first) };
            let again = page.authenticate(PASSWORD).expect(204);
            for answer in [first, again] {
                let mut parts = answer.header("set-cookie").unwrap().split("; ");
                let seconds = parts.find_map(|part| part.strip_prefix("Max-Age=")?.parse::<u64>().ok());
                assert_eq!(seconds.is_some(), lasts, "{answer:?}");
                assert!(seconds.is_none_or(|seconds| (7_775_900..=7_776_000).contains(&seconds)), "{answer:?}");
            }
        }
    }

    fn a_cookie_has_no_scopes_and_a_token_no_memory(server) {
        let ada = server.register("ada");
        let base = json!({ "email": ada.email, "password": PASSWORD });
        for (extra, pointer, code) in [
            (json!({ "cookie": true, "scope": "users:read" }), "/scope", "contradiction"),
            (json!({ "remember": true }), "/remember", "contradiction"),
            (json!({ "cookie": false, "remember": false }), "/remember", "contradiction"),
            (json!({ "cookie": "yes" }), "/cookie", "wrong-type"),
            (json!({ "cookie": null }), "/cookie", "wrong-type"),
        ] {
            let mut members = base.clone();
            members.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            let answer = submit(&server, &members).expect_problem(422, "invalid-body");
            assert_eq!(answer.broken_rules(), [(pointer.to_owned(), code.to_owned())]);
        }
        assert!(submit(&server, &base).expect(200).header("set-cookie").is_none());
    }

    fn a_wrong_password_sets_no_cookie(server) {
        let ada = server.register("ada");
        let mut wrong = form(&ada.email);
        wrong["password"] = "a password of nobody at all".into();
        let refused = submit(&server, &wrong).expect_problem(401, "invalid-credentials");
        let stranger = submit(&server, &form("nobody@example.com")).expect_problem(401, "invalid-credentials");
        assert_eq!((refused.header("set-cookie"), stranger.header("set-cookie")), (None, None));
        assert_eq!(refused.json()["detail"], stranger.json()["detail"]);
    }

    fn an_administrator_reaches_own_records_alone(server) {
        let (ada, root) = (server.register("ada"), server.admin());
        let page = OwnPage::of(&server, &root.email);
        page.request("PATCH", "/users/me/profile").if_match("*").json(&json!({ "name": "Root" })).send().expect(200);
        let roles = json!({ "roles": ["admin"] });
        for (method, path, body) in [
            ("GET", "/users".to_owned(), None),
            ("GET", "/clients".to_owned(), None),
            ("GET", "/audit".to_owned(), None),
            ("POST", "/keys/rotate".to_owned(), None),
            ("POST", "/authz/explain".to_owned(), Some(json!({}))),
            ("PUT", format!("{}/roles", ada.path()), Some(roles.clone())),
            ("PUT", "/users/me/roles".to_owned(), Some(roles)),
        ] {
            let request = page.request(method, &path);
            let request = if let Some(body) = body { request.json(&body) } else { request };
            request.send().expect_problem(403, "insufficient-scope");
        }
        for (method, path) in [("GET", ada.path()), ("DELETE", ada.path()), ("GET", format!("{}/sessions", ada.path()))] {
            page.request(method, &path).if_match("*").send().expect_problem(403, "not-owner");
        }
        let created = json!({ "email": "puppet@example.com", "password": PASSWORD, "roles": ["admin"] });
        assert!(page.request("POST", "/users").json(&created).send().status >= 400);
        server.get(&ada.path()).bearer(&root.token).send().expect(200);
    }

    fn the_pages_and_the_api_share_the_session(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let mut browser = Browser::new(&server);
        app.sign_in_and_consent(&mut browser, &ada, &[]);
        let value = browser.cookie("cloakroom").expect("the pages set it");
        let cookie = format!("{}={value}", server.cookie_name("cloakroom"));
        let page = OwnPage { server: &server, origin: server.url.clone(), cookie };
        assert_eq!(page.status(), 200);
        page.request("DELETE", "/sessions/current").send().expect(204);
        let again = browser.open(&app.authorize(&[])).expect(200);
        assert!(again.body.contains("<h1>Sign in</h1>"), "the pages know of the sign-out");
        let page = OwnPage::of(&server, &ada.email);
        let signed_in = server.get(&app.authorize(&[])).header("cookie", &page.cookie).send().expect(303);
        assert!(redirect_parameter(&signed_in, "code").len() > 20, "no sign-in page comes between: {signed_in:?}");
    }

    fn the_header_alone_decides_a_request_that_has_it(server) {
        let (ada, eve) = (server.register("ada"), server.register("eve"));
        let page = OwnPage::of(&server, &ada.email);
        let with = |header: &str| page.request("GET", "/users/me").header("authorization", header).send();
        assert_eq!(with(&format!("Bearer {}", eve.token)).expect(200).json()["id"], eve.id.as_str());
        with("Bearer not-a-token").expect_problem(401, "invalid-token");
        with(&format!("DPoP {}", eve.token)).expect_problem(401, "invalid-token");
        for header in ["", "Basic YTpi", "Bearer", "Cookie"] {
            assert_eq!(with(header).status, 401, "{header:?}");
        }
        let other = server.get("/users/me").header("cookie", &page.cookie).header("origin", "https://evil.example");
        assert_eq!(other.bearer(&eve.token).send().expect(200).json()["id"], eve.id.as_str(), "a token needs no origin");
    }

    fn only_one_whole_cookie_counts(server) {
        let ada = server.register("ada");
        let page = OwnPage::of(&server, &ada.email);
        let (name, value) = page.cookie.split_once('=').unwrap();
        assert_eq!(name, server.cookie_name("cloakroom"));
        let with = |cookie: &str| server.get("/users/me").header("cookie", cookie).send();
        with(&page.cookie).expect(200);
        with(&format!("theme=dark; __Host-cloakroom=x; {}; {name}x=1; cloakroom={value}", page.cookie)).expect(200);
        with(&format!("{0}; {0}", page.cookie)).expect_problem(400, "two-tokens");
        with(&format!("{}; {name}=x", page.cookie)).expect_problem(400, "two-tokens");
        for cookie in [
            format!("__Host-cloakroom={value}"),
            format!("cloakroom={value}"),
            format!("cloakroom-1={value}"),
            format!("{}={value}", name.to_uppercase()),
            format!("{name}=\"{value}\""),
            format!("{name}={}", &value[1..]),
            format!("{name}={value}A"),
            format!("{name}={}", "A".repeat(43)),
            format!("{name}={}", "A".repeat(6_000)),
            format!("{name}="),
            format!("access_token={}", ada.token),
        ] {
            with(&cookie).expect_problem(401, "unauthenticated");
        }
        let head = format!("GET /users/me HTTP/1.1\r\nhost: x\r\ncookie: {name}={}\r\n\r\n", "A".repeat(200_000));
        let huge = send_raw(server.address, head.as_bytes());
        assert!(huge.is_empty() || huge.starts_with("HTTP/1.1 4"), "{huge}");
        let other = Server::start(server.engine);
        let stranger = OwnPage::of(&other, &other.register("ada").email);
        with(&stranger.cookie).expect_problem(401, "unauthenticated");
    }

    fn another_user_in_the_same_browser_ends_the_session_before(server) {
        let (ada, eve) = (server.register("ada"), server.register("eve"));
        let page = OwnPage::of(&server, &ada.email);
        let next = page.request("POST", "/sessions").json(&form(&eve.email)).send().expect(204);
        assert_eq!(page.status(), 401);
        let page = OwnPage { cookie: pair(&next), ..page };
        assert_eq!(page.request("GET", "/users/me").send().expect(200).json()["id"], eve.id.as_str());
    }
}

on_both_engines! {
    fn with_tls_the_cookie_belongs_to_the_host(engine: Engine) {
        let server = Server::start_with(engine, &[("CLOAKROOM_ISSUER", "https://id.example.org/base")]);
        let ada = server.register("ada");
        let sent = server.post("/sessions").header("origin", "https://id.example.org").json(&form(&ada.email)).send().expect(204);
        let cookie = sent.header("set-cookie").unwrap();
        assert!(cookie.starts_with("__Host-cloakroom=") && cookie.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"), "{cookie}");
        let page = OwnPage { server: &server, origin: "https://id.example.org".to_owned(), cookie: pair(&sent) };
        assert_eq!(page.status(), 200);
        // A neighbour on the host can set a cookie without the prefix.
        let tossed = page.cookie.replace("__Host-", "");
        server.get("/users/me").header("cookie", &tossed).send().expect_problem(401, "unauthenticated");
        let both = server.get("/users/me").header("cookie", &format!("{tossed}x; {}", page.cookie));
        assert_eq!(both.send().expect(200).json()["id"], ada.id.as_str());
    }
}
