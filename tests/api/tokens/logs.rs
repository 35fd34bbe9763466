//! Log at its most verbose level: it contains no secret, and no input can forge a line.

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{SECRET, mint};
use crate::support::{
    Engine, MASTER_KEY, MailServer, Person, Postgres, Process, decoded, on_both_engines, send_raw,
};

const PASSWORD: &str = "the secret Passphrase of Ada";
const WRONG: &str = "the wrong Passphrase of Eve";
const NEW: &str = "the newer Passphrase of Ada";
const NEWEST: &str = "the newest Passphrase of Ada";
const SHARED_SECRET: [(&str, &str); 2] =
    [("CLOAKROOM_SIGNING_ALGORITHM", "HS256"), ("CLOAKROOM_HS256_SECRET", SECRET)];

/// Fields of log lines.
const FIELDS: [&str; 20] = [
    "request_id",
    "decision_id",
    "caller",
    "action",
    "resource",
    "route",
    "path",
    "reason",
    "method",
    "status",
    "duration_ms",
    "bytes",
    "client_address",
    "hash_lanes",
    "workers",
    "db_pool",
    "hash_cost",
    "cores",
    "memory",
    "memory_limited_by",
];

/// Server that logs everything, and its settings.
struct VerboseServer {
    dir: TempDir,
    settings: Vec<(&'static str, String)>,
    server: Process,
}

impl VerboseServer {
    fn start(engine: Engine, more: &[(&'static str, &str)]) -> Self {
        let dir = TempDir::new().unwrap();
        let mut settings = vec![
            ("RUST_LOG", "trace".to_owned()),
            ("CLOAKROOM_ACCESS_LOG", "on".to_owned()),
            ("CLOAKROOM_MASTER_KEY", MASTER_KEY.to_owned()),
        ];
        settings.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        if engine == Engine::Postgres {
            settings.push(("DATABASE_URL", Postgres::new_database()));
        }
        let server = Process::start(dir.path(), &borrowed(&settings));
        Self { dir, settings, server }
    }

    fn operator(&self, arguments: &[&str]) -> Value {
        let output =
            Process::command(self.dir.path(), &borrowed(&self.settings), arguments).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
    }

    fn post(&self, path: &str, body: &Value) -> crate::support::Answer {
        self.server.post(path).json(body).send()
    }
}

fn borrowed<'a>(settings: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    settings.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

/// Runs every operation that handles a secret. Returns the secrets.
fn handle_secrets(verbose: &VerboseServer) -> Vec<String> {
    let (server, login) =
        (&verbose.server, |password: &str| json!({ "email": "ada@example.com", "password": password }));
    let made = verbose.post("/users", &login(PASSWORD)).expect(201).json();
    let ada =
        Person { id: made["id"].as_str().unwrap().to_owned(), email: String::new(), token: String::new() };
    let token = verbose.post("/sessions", &login(PASSWORD)).expect(200).json()["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    verbose.post("/sessions", &login(WRONG)).expect(401);
    verbose.post("/sessions", &json!({ "email": WRONG, "password": WRONG, "scope": 1 })).expect(422);
    verbose.post("/users", &login("short12")).expect(422);
    server.get("/users/me").bearer(&token).send().expect(200);
    server.get("/users/me").bearer(&format!("{token}x")).send().expect(401);
    server.get("/users/me").header("authorization", &format!("Basic {token}")).send().expect(401);
    server.get(&format!("/users/me?access_token={token}")).send().expect(401);
    let change = json!({ "current_password": PASSWORD, "new_password": NEW });
    server
        .request("PUT", &format!("{}/password", ada.path()))
        .bearer(&token)
        .json(&change)
        .send()
        .expect(204);

    let client =
        verbose.operator(&["clients", "create", "--id", "reports", "--scope", "users:read:any", "--json"]);
    let secret = client["client_secret"].as_str().unwrap().to_owned();
    let grant = |secret: &str| {
        let form = [("grant_type", "client_credentials")];
        server.post("/oauth/token").basic("reports", secret).form(&form).send()
    };
    let client_token = grant(&secret).expect(200).json()["access_token"].as_str().unwrap().to_owned();
    grant(WRONG).expect(401);
    server.get("/users").bearer(&client_token).send().expect(200);
    server.get("/users?cursor=nonsense").bearer(&client_token).send().expect(400);
    let clerk = ["clients", "create", "--id", "clerk", "--scope", "clients:write", "--json"];
    let clerk = verbose.operator(&clerk)["client_secret"].as_str().unwrap().to_owned();
    let form = [("grant_type", "client_credentials")];
    let clerks = server.post("/oauth/token").basic("clerk", &clerk).form(&form).send().expect(200).json();
    let clerks = clerks["access_token"].as_str().unwrap();
    let registration = json!({ "client_id": "made", "scope": "users:read", "client_secret": WRONG });
    server.post("/clients").bearer(clerks).json(&registration).send().expect(422);
    let registration = json!({ "client_id": "made", "scope": "users:read" });
    let told = [
        server.post("/clients").bearer(clerks).json(&registration).send().expect(201),
        server.post("/clients/made/secret").bearer(clerks).send().expect(200),
    ];
    let told = told.map(|answer| answer.json()["client_secret"].as_str().unwrap().to_owned());
    let forged = mint(WRONG.as_bytes(), &decoded(&token).0, &decoded(&token).1);
    server.get("/users/me").bearer(&forged).send().expect(401);

    let mut secrets =
        vec![PASSWORD.to_owned(), WRONG.to_owned(), NEW.to_owned(), "short12".to_owned(), secret, clerk];
    secrets.extend(told);
    for token in [token, client_token, forged] {
        secrets.extend(token.split('.').skip(1).map(str::to_owned));
    }
    secrets
}

/// Requests, opens, refuses and redeems a mailed link of each purpose. Returns their tokens.
fn handle_links(verbose: &VerboseServer, mails: &MailServer) -> Vec<String> {
    let server = &verbose.server;
    let (ada, mut tokens) = (server.token("ada@example.com"), Vec::new());
    let ask = |method: &str, path: &str, bearer: &str, body: &Value| {
        let request = server.request(method, path).bearer(bearer).header("if-match", "*");
        let status = request.json(body).send().status;
        assert!((200..300).contains(&status), "{method} {path}: {status}");
    };
    let mut use_link = |to: &str, number: usize, page: &str, route: &str| {
        let token = mails.last_to(to, number).token();
        server.get(&format!("/oauth/{page}?token={token}")).send().expect(200);
        let form = [("token", token.as_str()), ("password", "short")];
        server.post(&format!("/oauth/{page}")).header("origin", "https://evil.example").form(&form).send();
        for redeemed in [204, 400] {
            let body = match page {
                "reset-password" | "accept-invitation" => json!({ "token": token, "new_password": NEWEST }),
                _ => json!({ "token": token }),
            };
            server.post(route).json(&body).send().expect(redeemed);
        }
        tokens.push(token);
    };
    let me = "/users/me";
    let id = server.get(me).bearer(&ada).send().expect(200).json()["id"].as_str().unwrap().to_owned();
    ask("POST", &format!("/users/{id}/email-verification"), &ada, &json!({}));
    use_link("ada@example.com", 1, "verify-email", "/email-verifications/redeem");
    ask("PATCH", &format!("/users/{id}"), &ada, &json!({ "email": "new@example.com" }));
    use_link("new@example.com", 1, "verify-email", "/email-verifications/redeem");
    use_link("ada@example.com", 2, "undo-email-change", "/email-changes/undo");
    server.post("/password-resets").json(&json!({ "email": "ada@example.com" })).send().expect(202);
    use_link("ada@example.com", 3, "reset-password", "/password-resets/redeem");
    let invite = ["users", "invite", "--email", "grace@example.com"];
    let invited =
        Process::command(verbose.dir.path(), &borrowed(&verbose.settings), &invite).output().unwrap();
    assert!(invited.status.success(), "{invited:?}");
    use_link("grace@example.com", 1, "accept-invitation", "/invitations/redeem");
    tokens
}

/// Returns the text, and the form in which a log shows it as bytes.
fn in_any_form(secret: &str) -> [String; 3] {
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let list: Vec<String> = secret.bytes().map(|byte| byte.to_string()).collect();
    [secret.to_owned(), hex, list.join(", ")]
}

on_both_engines! {
    fn log_and_trail_hold_no_token_of_a_mailed_link(engine: Engine) {
        let mails = MailServer::start();
        let own = mails.settings();
        let settings: Vec<(&'static str, &str)> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let verbose = VerboseServer::start(engine, &settings);
        verbose.server.registration("ada@example.com").send().expect(201);
        let mut secrets = handle_links(&verbose, &mails);
        assert_eq!(secrets.len(), 5);
        secrets.push(NEWEST.to_owned());
        let log = verbose.server.log();
        assert!(log.contains("TRACE") && log.contains("/oauth/reset-password"), "the log must be verbose: {log}");
        let login = json!({ "email": "ada@example.com", "password": NEWEST });
        let session = verbose.post("/sessions", &login).expect(200).json();
        let bearer = session["access_token"].as_str().unwrap();
        let trail = verbose.server.get("/users/me/audit").bearer(bearer).send().expect(200).body;
        assert!(trail.contains("verify_email"), "{trail}");
        for secret in secrets {
            for form in in_any_form(&secret) {
                assert!(!log.contains(&form) && !trail.contains(&form), "{form}");
            }
        }
    }

    fn log_holds_no_secret_at_any_level(engine: Engine) {
        for more in [&[][..], &SHARED_SECRET] {
            let verbose = VerboseServer::start(engine, more);
            let mut secrets = handle_secrets(&verbose);
            secrets.extend([MASTER_KEY, SECRET, "$argon2", "PRIVATE KEY", "current_password"].map(str::to_owned));
            let log = verbose.server.log();
            assert!(log.contains("TRACE") && log.contains("token refused"), "the log must be verbose: {log}");
            for secret in secrets {
                for form in in_any_form(&secret) {
                    assert!(!log.contains(&form), "{form} in {log}");
                }
            }
        }
    }
}

/// Sends text that looks like a log line in every input.
fn forge_lines(verbose: &VerboseServer) {
    let server = &verbose.server;
    server.registration("ada@example.com").send().expect(201);
    for hostile in [
        "a\n2026-01-01T00:00:00Z INFO forged",
        "a\r\n{\"level\":\"INFO\",\"message\":\"forged\"}",
        "a\u{1b}[2Jforged",
        "a\u{2028}forged\u{85}",
    ] {
        verbose.post("/sessions", &json!({ "email": hostile, "password": hostile })).expect(401);
        verbose.post("/users", &json!({ "email": hostile, "password": hostile, hostile: 1 })).expect(422);
        let encoded: String = form_urlencoded::byte_serialize(hostile.as_bytes()).collect();
        let token = server.token("ada@example.com");
        server.get(&format!("/users/{encoded}")).bearer(&token).send().expect(403);
        server.get(&format!("/{encoded}?{encoded}")).bearer(&encoded).send().expect(404);
        // A program with the shared secret can choose any client id; the log names the refused caller.
        let mut claims = decoded(&token).1;
        (claims["sub"], claims["client_id"]) = (hostile.into(), hostile.into());
        let namesake = mint(SECRET.as_bytes(), &decoded(&token).0, &claims);
        server.get("/users/me").bearer(&namesake).send().expect_problem(403, "not-owner");
        for name in ["user-agent", "x-request-id", "authorization", "x-forwarded-for", "cookie"] {
            let request = format!(
                "GET /users/me?x={encoded} HTTP/1.1\r\nhost: x\r\n{name}: {hostile}\r\nconnection: close\r\n\r\n"
            );
            let answer = send_raw(server.address, request.as_bytes());
            assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
        }
        send_raw(
            server.address,
            format!("GET /{hostile} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes(),
        );
        send_raw(
            server.address,
            format!("{hostile} / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes(),
        );
    }
}

#[test]
fn flood_of_forged_tokens_does_not_fill_the_log() {
    let verbose =
        VerboseServer::start(Engine::Sqlite, &[("RUST_LOG", "info"), ("CLOAKROOM_RATE_LIMITS", "off")]);
    let flood = 600;
    for number in 0..flood {
        verbose.server.get("/users/me").bearer(&number.to_string()).send().expect(401);
    }
    let lines = verbose.server.log().matches("token refused").count();
    assert!((200..500).contains(&lines), "{lines} of {flood}");
}

#[test]
fn no_input_forges_a_text_line() {
    let verbose = VerboseServer::start(
        Engine::Sqlite,
        &[&SHARED_SECRET[..], &[("CLOAKROOM_LOG_FORMAT", "text")]].concat(),
    );
    forge_lines(&verbose);
    let log = verbose.server.log();
    assert!(log.contains("forged"), "the input must be logged");
    for line in log.lines() {
        let mut words = line.split(' ');
        let time = words.next().and_then(|time| time.strip_suffix('Z')).unwrap_or_else(|| panic!("{line}"));
        assert!(time.len() == "2026-01-01T00:00:00.000".len() && time.starts_with("20"), "{line}");
        assert!(matches!(words.next(), Some("ERROR" | "WARN" | "INFO" | "DEBUG" | "TRACE")), "{line}");
        let control = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
        assert!(!line.contains(control), "{line:?}");
    }
}

#[test]
fn no_input_forges_a_json_line() {
    let verbose = VerboseServer::start(
        Engine::Sqlite,
        &[&SHARED_SECRET[..], &[("CLOAKROOM_LOG_FORMAT", "json")]].concat(),
    );
    forge_lines(&verbose);
    let log = verbose.server.log();
    assert!(log.contains("forged"), "the input must be logged");
    for line in log.lines() {
        let entry: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        let members: Vec<&str> = entry.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members[..4], ["ts", "level", "target", "message"], "{line}");
        assert!(members[4..].iter().all(|member| FIELDS.contains(member)), "{line}");
        assert_ne!(entry["message"], "forged");
        assert!(!line.contains('\u{1b}') && !line.contains('\u{2028}'), "{line:?}");
    }
}

/// Makes one request with a query, and returns its line of the access log.
fn access_line(format: &str) -> String {
    let more = [("RUST_LOG", "warn"), ("CLOAKROOM_LOG_FORMAT", format)];
    let verbose = VerboseServer::start(Engine::Sqlite, &more);
    let server = &verbose.server;
    server.registration("ada@example.com").send().expect(201);
    let token = server.token("ada@example.com");
    let me = server.get("/users/me?code=hidden").bearer(&token).header("x-request-id", "my-request");
    me.send().expect(200);
    let log = server.log();
    assert!(!log.contains("hidden"), "{log}");
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("my-request")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    lines[0].to_owned()
}

#[test]
fn a_json_access_line_has_a_member_for_each_field() {
    let line: Value = serde_json::from_str(&access_line("json")).unwrap();
    assert_eq!((&line["target"], &line["level"]), (&json!("access"), &json!("INFO")), "{line}");
    assert_eq!((&line["method"], &line["path"]), (&json!("GET"), &json!("/users/me")), "{line}");
    assert_eq!((&line["route"], &line["status"]), (&json!("GET /users/{id}"), &json!(200)), "{line}");
    assert_eq!(line["client_address"], "127.0.0.1", "{line}");
    assert!(line["duration_ms"].is_f64() && line["bytes"].is_u64(), "{line}");
}

#[test]
fn a_text_access_line_has_its_fields_behind_the_message() {
    let line = access_line("text");
    let fields = "access request answered method=GET route=\"GET /users/{id}\" path=/users/me status=200 ";
    assert!(line.contains(fields) && line.contains("request_id=my-request"), "{line}");
}

#[test]
fn a_refusal_is_logged_with_its_caller_and_reason() {
    let verbose = VerboseServer::start(Engine::Sqlite, &[("CLOAKROOM_LOG_FORMAT", "json")]);
    let server = &verbose.server;
    server.registration("ada@example.com").send().expect(201);
    let token = server.token("ada@example.com");
    let refused = server.get("/clients").bearer(&token).send().expect(403).json();
    let log = server.log();
    let lines = || log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let line = lines().find(|line| !line["decision_id"].is_null()).unwrap_or_else(|| panic!("{log}"));
    for member in ["request_id", "decision_id"] {
        assert_eq!(line[member], refused[member], "{line}");
    }
    assert_eq!(
        (&line["route"], &line["reason"]),
        (&json!("GET /clients"), &json!("insufficient-scope")),
        "{line}"
    );
    assert!(line["caller"].as_str().unwrap().starts_with("user:"), "{line}");
    let access = lines().find(|line| line["target"] == "access" && line["path"] == "/clients").unwrap();
    assert_eq!((&access["caller"], &access["status"]), (&line["caller"], &json!(403)), "{access}");
}

#[test]
fn by_default_no_request_is_logged_and_the_framework_is_silent() {
    let more = [("RUST_LOG", "info"), ("CLOAKROOM_ACCESS_LOG", "off")];
    let verbose = VerboseServer::start(Engine::Sqlite, &more);
    verbose.server.get("/health/live").send().expect(200);
    let log = verbose.server.log();
    assert!(!log.contains("access") && !log.contains("actix"), "{log}");
}

#[test]
fn malformed_request_is_not_logged() {
    let verbose =
        VerboseServer::start(Engine::Sqlite, &[("RUST_LOG", "info"), ("CLOAKROOM_ACCESS_LOG", "off")]);
    let heads: [&[u8]; 5] = [
        b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\na b: c\r\n\r\n",
    ];
    for head in heads {
        let answer = send_raw(verbose.server.address, head);
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
    let log = verbose.server.log();
    assert!(!log.contains("ERROR") && !log.contains("actix"), "{log}");
}
