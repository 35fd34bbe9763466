//! Work that a stranger chooses: what is counted before it costs, stored hashes of any cost, and the sizes of the
//! server by its memory.

use serde_json::json;

use crate::support::{Engine, PASSWORD, Process, Server, on_both_engines, send_raw};

/// A hash that takes more than ten minutes.
const DEAR: &str =
    "$argon2id$v=19$m=4194304,t=1024,p=1$c29tZXNhbHRzb21lc2FsdA$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

/// A password with every sign that stands for a letter.
const SIGNS: &str = "4@8({[<3691!|10$5+7%24@8({[<3691!|10$5+7";

fn db_execute(server: &Server, sql: &str) {
    use cloakroom::store::PostgresConnection;
    use diesel::connection::SimpleConnection as _;
    use diesel::{Connection as _, SqliteConnection};
    let url = server.database_url.trim_start_matches("sqlite://");
    match server.engine {
        Engine::Sqlite => {
            let sql = format!("PRAGMA busy_timeout = 5000; {sql}");
            SqliteConnection::establish(url).unwrap().batch_execute(&sql).unwrap();
        }
        Engine::Postgres => PostgresConnection::establish(url).unwrap().batch_execute(sql).unwrap(),
    }
}

fn rule(pointer: &str, code: &str) -> (String, String) {
    (pointer.to_owned(), code.to_owned())
}

on_both_engines! {
    fn registration_counts_before_its_password_is_judged(server) {
        let register = |email: &str, password: &str| {
            server.post("/users").json(&json!({ "email": email, "password": password })).send()
        };
        let both = register("nobody", "password123").expect_problem(422, "invalid-body");
        assert_eq!(both.broken_rules(), [rule("/email", "invalid-email"), rule("/password", "too-common")]);
        assert!(both.header("ratelimit").unwrap().contains(";r=999;"), "{both:?}");
        assert!(register("nobody", SIGNS).expect(422).header("ratelimit").unwrap().contains(";r=998;"));
        assert_eq!(register("nobody", "short").expect(422).header("ratelimit"), None, "it costs nothing");
        db_execute(&server, "UPDATE guesses SET made = 1000");
        register("nobody", SIGNS).expect_problem(429, "too-many-requests");
        register("nobody", "short").expect(422);
    }

    fn password_change_counts_before_the_new_one_is_judged(server) {
        let ada = server.register("ada");
        let put = |body| server.put("/users/me/password").bearer(&ada.token).json(&body).send();
        let all = put(json!({ "current_password": "wrong", "new_password": "password123", "x": 1 })).expect(422);
        let expected = [
            rule("/current_password", "wrong-password"),
            rule("/new_password", "too-common"),
            rule("/x", "unknown"),
        ];
        assert_eq!(all.broken_rules(), expected);
        assert!(all.header("ratelimit").unwrap().contains(";r=9;"), "{all:?}");
        let missing = put(json!({ "new_password": "password123" })).expect(422);
        assert_eq!(missing.broken_rules(), [rule("/current_password", "required"), rule("/new_password", "too-common")]);
        assert!(missing.header("ratelimit").unwrap().contains(";r=8;"), "a missing password is a wrong one");
        for _ in 0..8 {
            put(json!({ "new_password": SIGNS })).expect(422);
        }
        put(json!({ "new_password": SIGNS })).expect_problem(429, "too-many-guesses");
    }

    fn stored_hash_of_a_high_cost_is_a_wrong_password_until_a_reset(server) {
        let (ada, admin) = (server.register("ada"), server.admin());
        db_execute(&server, &format!("UPDATE users SET password_hash = '{DEAR}' WHERE email_key = '{}'", ada.email));
        let log_in = |password: &str| {
            server.post("/sessions").json(&json!({ "email": ada.email, "password": password })).send()
        };
        let refused = log_in(PASSWORD).expect_problem(401, "invalid-credentials");
        let unknown = server.post("/sessions").json(&json!({ "email": "x@example.com", "password": PASSWORD })).send();
        assert_eq!(refused.json()["detail"], unknown.expect(401).json()["detail"]);
        let path = format!("{}/password", ada.path());
        server.put(&path).bearer(&admin.token).json(&json!({ "new_password": PASSWORD })).send().expect(204);
        log_in(PASSWORD).expect(200);
    }
}

/// The table of `docs/security.md`: each bound holds, and one more is refused.
#[test]
fn what_a_request_brings_is_bounded() {
    let server = Server::start(Engine::Sqlite);
    let admin = server.admin();
    let head = |lines: String| {
        let answer = send_raw(
            server.address,
            format!("GET /health/live HTTP/1.1\r\nhost: x\r\n{lines}connection: close\r\n\r\n").as_bytes(),
        );
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    let headers = |count: usize| (0..count).map(|number| format!("x-{number}: y\r\n")).collect::<String>();
    assert_eq!(head(headers(90)), "200");
    assert_ne!(head(headers(120)), "200");
    assert_ne!(head(format!("x-long: {}\r\n", "y".repeat(140_000))), "200");
    let list = |query: String| server.get(&format!("/users?{query}")).bearer(&admin.token).send();
    let many = |count: usize| (0..count).map(|number| format!("x{number}=&")).collect::<String>();
    let detail =
        |query: String| list(query).expect_problem(400, "invalid-query").json()["detail"].to_string();
    assert!(detail(many(32)).contains("is not a parameter"));
    assert!(detail(many(33)).contains("more than 32"));
    list(format!("q={}", "a".repeat(512))).expect(200);
    list(format!("q={}", "a".repeat(513))).expect_problem(400, "invalid-query");
    list(format!("cursor={}", "a".repeat(513))).expect_problem(400, "invalid-query");
    server.get("/users/me").bearer(&"a".repeat(8 * 1024 + 1)).send().expect_problem(401, "invalid-token");
    let form = |count: usize| {
        let names: Vec<String> = (0..count).map(|number| format!("x{number}")).collect();
        let pairs: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "y")).collect();
        server.post("/oauth/token").form(&pairs).send().json().to_string()
    };
    assert!(form(33).contains("too many parameters"));
    assert!(!form(32).contains("too many parameters"));
    let rules = |body: serde_json::Value| server.post("/users").json(&body).send().expect(422).broken_rules();
    let members: serde_json::Map<_, _> = (0..500).map(|number| (format!("x{number}"), json!(0))).collect();
    assert_eq!(rules(members.into()).len(), 100);
    let roles: Vec<String> = (0..5_000).map(|number| number.to_string()).collect();
    let body = json!({ "email": "x@example.com", "password": PASSWORD, "roles": roles });
    assert_eq!(
        server.post("/users").bearer(&admin.token).json(&body).send().expect(422).broken_rules().len(),
        100
    );
    let long = json!({ "email": format!("a@{}", "b.".repeat(5_000)), "password": "é".repeat(5_000) });
    assert_eq!(rules(long), [rule("/email", "invalid-email"), rule("/password", "too-long")]);
    let scope = |count: usize| {
        let body = json!({ "email": admin.email, "password": PASSWORD, "scope": vec!["users:read"; count].join(" ") });
        server.post("/sessions").json(&body).send().status
    };
    assert_eq!((scope(128), scope(129)), (200, 422));
}

#[test]
fn log_names_the_sizes_and_the_user_of_a_costly_hash() {
    let directory = tempfile::tempdir().unwrap();
    let settings = [("CLOAKROOM_LOG_FORMAT", "json")];
    let server = Process::start(directory.path(), &settings);
    let id =
        server.registration("ada@example.com").send().expect(201).json()["id"].as_str().unwrap().to_owned();
    let lines = || -> Vec<serde_json::Value> {
        server.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    };
    let sizes = lines().into_iter().find(|line| line.get("hash_lanes").is_some()).expect("the sizes");
    for name in ["hash_lanes", "workers", "db_pool", "cores", "memory", "memory_limited_by", "hash_cost"] {
        assert!(!sizes[name].is_null(), "{name}: {sizes}");
    }
    let database = rusqlite::Connection::open(directory.path().join("cloakroom.db")).unwrap();
    database.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
    database.execute("UPDATE users SET password_hash = ?1", [DEAR]).unwrap();
    server.login("ada@example.com").send().expect(401);
    let warning = lines().into_iter().find(|line| line["user_id"] == *id).expect("a warning");
    assert_eq!(warning["level"], "WARN", "{warning}");
    assert!(warning["message"].as_str().unwrap().contains("m=4194304,t=1024,p=1"), "{warning}");
}
