//! Rules for every request: ids, headers, methods, bodies, CORS, and invalid HTTP.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Browser, Engine, MAIL_TO_LOG, Process, Server, on_both_engines, send_raw};

on_both_engines! {
    fn answers_carry_request_id_and_security_headers(server) {
        for path in ["/users", "/users/me", "/nowhere", "/health/live", "/oauth/token"] {
            let answer = server.get(path).send();
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
            assert!(answer.header("x-request-id").is_some_and(|id| id.len() == 36), "{path}");
        }
        let own = server.get("/users").header("x-request-id", "Abc-1.2_3").send();
        assert_eq!(own.header("x-request-id"), Some("Abc-1.2_3"));
        let forged = server.get("/users").header("x-request-id", "a b").send();
        assert_ne!(forged.header("x-request-id"), Some("a b"));
    }

    fn unknown_path_is_a_page_for_a_browser(server) {
        for (path, files) in [("/", "oauth/"), ("/nowhere", "oauth/"), ("/a/b/c", "../../oauth/"), ("/oauth/nowhere", "../oauth/")] {
            let browser = server.get(path).header("accept", "text/html,application/xhtml+xml,*/*;q=0.8").send().expect(404);
            assert_eq!(browser.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
            assert!(browser.body.contains("There is no page here") && browser.body.contains(&format!("href=\"{files}pages.css")), "{browser:?}");
            for accept in ["application/json", "*/*", "application/json, text/html;q=0.1"] {
                let program = server.get(path).header("accept", accept).send().expect(404);
                assert!(program.header("content-type").unwrap().contains("json"), "{path} {accept}");
            }
        }
        // Only to an unknown path: a route keeps the form of its errors.
        server.get("/users/me").header("accept", "text/html").send().expect_problem(401, "unauthenticated");
        server.request("DELETE", "/users").header("accept", "text/html").send().expect_problem(405, "method-not-allowed");
    }

}

on_both_engines! {
    fn a_page_without_a_way_on_leads_to_the_operators_application(engine: Engine) {
        let link = "<a class=\"button\" href=\"https://photos.example.org/albums?a=1&amp;b=2\">Go to <bdi>photos.example.org</bdi></a>";
        let home = ("CLOAKROOM_HOME_URL", "https://photos.example.org/albums?a=1&b=2");
        let server = Server::start_with(engine, &[&MAIL_TO_LOG[..], &[home]].concat());
        let open = |path: &str| server.get(path).header("accept", "text/html").send().body;
        for end in ["/", "/oauth/login", "/oauth/logout", "/oauth/authorize?client_id=nobody"] {
            assert!(open(end).contains(link), "{end}: {}", open(end));
        }
        let mut browser = Browser::new(&server);
        for path in ["/oauth/verify-email?token=x", "/oauth/undo-email-change?token=x"] {
            let page = browser.open(path);
            let invalid = browser.submit(&page, "", &[]).expect(400);
            assert!(invalid.body.contains(link) && !invalid.body.contains("forgot-password"), "{invalid:?}");
        }
        let app = server.application("photos", "openid users:read");
        for way in [app.authorize(&[]), "/oauth/forgot-password".to_owned(), "/problems".to_owned()] {
            let page = open(&way);
            assert!(page.contains("<h1>") && !page.contains("photos.example.org/albums"), "{way}: {page}");
        }
        assert!(!Server::start(engine).get("/oauth/logout").send().body.contains("Go to"), "no application is set");
    }
}

on_both_engines! {
    fn unknown_path_is_404_and_wrong_method_405(server) {
        for path in ["/", "/user", "/users/", "/users/me/", "/users/me/nothing", "/USERS", "/users/me/sessions/x/y", "//users"] {
            server.get(path).send().expect_problem(404, "unknown-path");
        }
        let answer = server.put("/users").send().expect_problem(405, "method-not-allowed");
        assert_eq!(answer.header("allow"), Some("GET, HEAD, OPTIONS, POST"));
        server.request("TRACE", "/users/me").send().expect_problem(405, "method-not-allowed");
        let options = server.request("OPTIONS", "/users/me").send().expect(204);
        assert_eq!(options.header("allow"), Some("DELETE, GET, HEAD, OPTIONS, PATCH"));
    }

    fn problem_type_leads_to_its_page(server) {
        let problem = server.get("/users/me").send().json();
        let page = server.get(problem["type"].as_str().unwrap().strip_prefix(&server.url).unwrap()).send().expect(200);
        assert!(page.body.contains("An access token is required"));
        server.get("/problems/none").send().expect_problem(404, "not-found");
    }

    fn refuses_a_malformed_or_mistyped_body(server) {
        let ada = server.register("ada");
        let put = || server.put("/users/me/profile").bearer(&ada.token);
        put().body("application/json", "x".repeat(65_537)).send().expect_problem(413, "body-too-large");
        put().body("application/json", vec![b'['; 60_000]).send().expect_problem(400, "malformed-body");
        for broken in ["{", "{}x", "{\"name\":}", "\u{feff}{}", "{\"name\":\"\\ud800\"}", "{\"name\":\"a\",\"name\":\"b\"}", "{\"a\":{\"b\":1,\"b\":1}}", "nul", " "] {
            put().body("application/json", broken).send().expect_problem(400, "malformed-body");
        }
        put().body("application/json", vec![b'{', b'"', 0xff, b'"', b':', b'1', b'}']).send().expect_problem(400, "malformed-body");
        for other in ["null", "[]", "1", "\"x\""] {
            put().body("application/json", other).send().expect_problem(422, "invalid-body");
        }
        for media in ["text/plain", "application/merge-patch+json", "application/json; charset=latin1", "application/jsonx"] {
            let answer = put().body(media, "{}").send().expect_problem(415, "unsupported-media-type");
            assert_eq!(answer.header("accept"), Some("application/json"));
        }
        put().body("application/json", "{}").header("content-encoding", "gzip").send().expect(415);
        put().body("Application/JSON; charset=UTF-8", "{}").send().expect(200);
        let patch = |media: &str, body: &str| server.patch("/users/me/profile").bearer(&ada.token).if_match("*").body(media, body).send();
        let refused = patch("text/plain", "{}").expect(415);
        assert_eq!(refused.header("accept-patch"), Some("application/merge-patch+json, application/json"));
        // Plain JSON is a merge patch too: null removes a member, and a missing one stays.
        patch("application/json", r#"{"name":"Ada","nickname":"A"}"#).expect(200);
        let patched = patch("application/json; charset=utf-8", r#"{"nickname":null}"#).expect(200).json();
        assert_eq!((patched["name"].as_str(), patched["nickname"].as_str()), (Some("Ada"), None));
        let post = server.post("/users").body("text/plain", "{}").send();
        assert_eq!(post.expect(415).header("accept-post"), Some("application/json"));
    }
}

#[test]
fn refuses_a_large_body_unread() {
    let server = Server::start(Engine::Sqlite);
    let head = "POST /users HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 10485760\r\n\r\n";
    let answer = send_raw(server.address, head.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[test]
fn limits_a_chunked_body() {
    let server = Server::start(Engine::Sqlite);
    let mut request = b"POST /users HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..70 {
        request.extend_from_slice(b"400\r\n");
        request.extend(std::iter::repeat_n(b' ', 1024));
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    let answer = send_raw(server.address, &request);
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[test]
fn refuses_ambiguous_body_lengths() {
    let server = Server::start(Engine::Sqlite);
    for lengths in [
        "content-length: 2\r\ncontent-length: 3",
        "content-length: 2\r\ntransfer-encoding: chunked",
        "content-length: 2, 3",
    ] {
        let request = format!(
            "POST /users HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{lengths}\r\n\r\n{{}}"
        );
        let answer = send_raw(server.address, request.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 400"), "{lengths}: {answer}");
    }
}

#[test]
fn slow_clients_time_out_without_delaying_others() {
    let dir = tempfile::TempDir::new().unwrap();
    let server = Process::start(dir.path(), &[]);
    let head = "POST /sessions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    let body = format!("{head}content-length: 100\r\n\r\n{{");
    let slow: Vec<TcpStream> = [head, &body]
        .into_iter()
        .cycle()
        .take(1_000)
        .map(|sent| {
            let mut stream = TcpStream::connect(server.address).unwrap();
            stream.write_all(sent.as_bytes()).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            stream
        })
        .collect();
    server.registration("ada@example.com").send().expect(201);
    let token = server.token("ada@example.com");
    for _ in 0..20 {
        server.get("/users/me").bearer(&token).send().expect(200);
    }
    let still_open = slow[999].set_nonblocking(true).and_then(|()| (&slow[999]).read(&mut [0]));
    assert_eq!(
        still_open.map_err(|error| error.kind()),
        Err(ErrorKind::WouldBlock),
        "the slow connections are still open"
    );
    slow[999].set_nonblocking(false).unwrap();
    for mut stream in slow {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer:?}");
    }
    server.get("/users/me").bearer(&token).send().expect(200);
}

#[test]
fn cors_allows_only_configured_origins() {
    let shells =
        ["capacitor://localhost", "tauri://localhost", "chrome-extension://abcdefghijklmnopabcdefghijklmnop"];
    let origins = format!("https://app.example.com, {}", shells.join(", "));
    let server = Server::start_with(Engine::Sqlite, &[("CLOAKROOM_CORS_ORIGINS", origins.as_str())]);
    let preflight = |origin: &str| {
        let request = server.request("OPTIONS", "/users/me").header("origin", origin);
        let request = request.header("access-control-request-method", "PATCH");
        let headers = "authorization,if-match,traceparent,x-of-a-library";
        request.header("access-control-request-headers", headers).send()
    };
    let allowed = preflight("https://app.example.com").expect(200);
    let headers = allowed.header("access-control-allow-headers").unwrap_or_default().to_lowercase();
    for name in ["authorization", "if-match", "traceparent", "x-of-a-library"] {
        assert!(headers.contains(name), "{headers}");
    }
    assert_eq!(allowed.header("access-control-allow-origin"), Some("https://app.example.com"));
    assert_eq!(allowed.header("access-control-allow-credentials"), None);
    assert!(allowed.header("vary").is_some_and(|vary| vary.to_lowercase().contains("origin")));
    for shell in shells {
        assert_eq!(preflight(shell).expect(200).header("access-control-allow-origin"), Some(shell));
    }
    for origin in [
        "https://evil.example.com",
        "null",
        "https://app.example.com.evil.com",
        "http://app.example.com",
        "capacitor://evil",
        "tauri://localhost.evil.com",
        "ionic://localhost",
        "chrome-extension://bbcdefghijklmnopabcdefghijklmnop",
    ] {
        assert_eq!(preflight(origin).header("access-control-allow-origin"), None, "{origin}");
        let read = server.get("/health/live").header("origin", origin).send();
        assert_eq!(read.header("access-control-allow-origin"), None, "{origin}");
    }
    let read = server.get("/users/me").header("origin", "https://app.example.com").send().expect(401);
    assert_eq!(read.header("access-control-allow-origin"), Some("https://app.example.com"));
    let exposed = read.header("access-control-expose-headers").unwrap_or_default();
    for name in ["date", "etag", "www-authenticate"] {
        assert!(exposed.split(',').any(|exposed| exposed.trim() == name), "{name}: {exposed}");
    }
}

/// Java's HTTP client asks for HTTP/2 in the first request of each connection.
#[test]
fn an_upgrade_is_ignored_and_the_connection_closed() {
    let server = Server::start(Engine::Sqlite);
    for upgrade in ["Upgrade, HTTP2-Settings", "upgrade", "keep-alive, Upgrade"] {
        for protocol in ["h2c", "websocket", "TLS/1.0"] {
            let request = format!(
                "GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: {upgrade}\r\nupgrade: {protocol}\r\n\
                 http2-settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n"
            );
            let answer = send_raw(server.address, request.as_bytes());
            let head = answer.to_lowercase();
            assert!(head.starts_with("http/1.1 200"), "{answer}");
            assert!(
                head.contains("\r\nconnection: close\r\n") && !head.contains("connection: upgrade"),
                "{answer}"
            );
        }
    }
}

#[test]
fn links_ignore_the_host_header() {
    let server = Server::start(Engine::Sqlite);
    let body = json!({ "email": "ada@example.com", "password": "a most unusual passphrase" }).to_string();
    let request = format!(
        "POST /users HTTP/1.1\r\nhost: evil.example\r\nforwarded: host=evil.example\r\nx-forwarded-host: evil.example\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let answer = send_raw(server.address, request.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 201") && !answer.contains("evil"), "{answer}");
}

#[test]
fn answers_hostile_input_quickly() {
    let server = Server::start(Engine::Sqlite);
    let began = Instant::now();
    for token in [".".repeat(7_000), "a.".repeat(3_500), "=".repeat(7_000)] {
        server.get("/users/me").bearer(&token).send().expect_problem(401, "invalid-token");
    }
    // Generous limit that detects work quadratic in the size of the input.
    assert!(began.elapsed() < Duration::from_secs(30));
}
