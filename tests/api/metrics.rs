//! `GET /metrics` on its own port: metrics for Prometheus, without personal data.

use crate::support::{Engine, PASSWORD, Process, Request, Server, on_both_engines};
use serde_json::json;
use tempfile::TempDir;

fn start(engine: Engine) -> Server {
    Server::start_with(engine, &[("CLOAKROOM_METRICS_LISTEN", "127.0.0.1:0")])
}

fn read(server: &Server) -> String {
    let address = server.metrics.expect("an address");
    let answer = Request::new("GET", format!("http://{address}/metrics")).send().expect(200);
    let head = Request::new("HEAD", format!("http://{address}/metrics")).send().expect(200);
    for answer in [&answer, &head] {
        let media = answer.header("content-type").unwrap_or_default();
        assert!(media.starts_with("text/plain; version=0.0.4"), "{media}");
    }
    assert_eq!(head.body, "");
    let post = Request::new("POST", format!("http://{address}/metrics")).send().expect(405);
    assert_eq!(post.header("allow"), Some("GET, HEAD"));
    Request::new("GET", format!("http://{address}/")).send().expect(404);
    answer.body
}

/// Returns the value of a series; 0 if it does not exist.
#[track_caller]
pub fn value(metrics: &str, series: &str) -> f64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().expect("a number"))
}

on_both_engines! {
    fn counts_requests_by_route_not_by_path(engine: Engine) {
        let server = start(engine);
        let ada = server.register("ada");
        for _ in 0..3 {
            server.get(&ada.path()).bearer(&ada.token).send().expect(200);
        }
        server.get(&ada.path()).send().expect(401);
        server.get("/nowhere/at/all").send().expect(404);
        server.request("PUT", "/users").send().expect(405);
        let metrics = read(&server);
        let requests = |method: &str, route: &str, status: u16| {
            let labels = format!("{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}}");
            value(&metrics, &format!("cloakroom_http_requests_total{labels}"))
        };
        assert_eq!(requests("GET", "/users/{id}", 200), 3.0, "{metrics}");
        assert_eq!(requests("GET", "/users/{id}", 401), 1.0);
        assert_eq!(requests("POST", "/users", 201), 1.0);
        assert_eq!((requests("other", "none", 404), requests("other", "none", 405)), (1.0, 1.0));
        let count = "cloakroom_http_request_duration_seconds_count{method=\"GET\",route=\"/users/{id}\"}";
        assert_eq!(value(&metrics, count), 4.0);
        assert!(!metrics.contains(&ada.id) && !metrics.contains("nowhere"), "{metrics}");
    }

    fn counts_decisions_and_tokens_by_result(engine: Engine) {
        let server = start(engine);
        let (ada, bert) = (server.register("ada"), server.register("bert"));
        server.get(&ada.path()).bearer(&ada.token).send().expect(200);
        server.get(&ada.path()).bearer(&ada.token).send().expect(200);
        server.get(&ada.path()).bearer(&bert.token).send().expect(403);
        server.get(&ada.path()).bearer("not.a.token").send().expect(401);
        let metrics = read(&server);
        let decided = |outcome: &str| {
            value(&metrics, &format!("cloakroom_decisions_total{{outcome=\"{outcome}\"}}"))
        };
        assert_eq!((decided("not-owner"), decided("invalid-token")), (1.0, 1.0), "{metrics}");
        assert!(decided("allowed") >= 2.0);
        assert_eq!(value(&metrics, "cloakroom_tokens_issued_total{grant_type=\"password\"}"), 2.0);
        let refused = metrics.lines().filter(|line| line.starts_with("cloakroom_tokens_refused_total{"));
        assert_eq!(refused.collect::<Vec<_>>(), ["cloakroom_tokens_refused_total{reason=\"not-base64url\"} 1"]);
        assert_eq!(value(&metrics, "cloakroom_token_cache_lookups_total{result=\"hit\"}"), 1.0);
        assert_eq!(value(&metrics, "cloakroom_token_cache_lookups_total{result=\"miss\"}"), 3.0);
        assert_eq!(value(&metrics, "cloakroom_token_cache_entries"), 2.0);
    }

    fn reports_use_of_the_pool_and_hashing_threads(engine: Engine) {
        let metrics = [
            ("CLOAKROOM_METRICS_LISTEN", "127.0.0.1:0"),
            ("CLOAKROOM_DB_POOL", "7"),
            ("CLOAKROOM_HASH_LANES", "3"),
        ];
        let server = Server::start_with(engine, &metrics);
        server.register("ada");
        let metrics = read(&server);
        assert_eq!(value(&metrics, "cloakroom_database_connections_max"), 7.0);
        assert!(value(&metrics, "cloakroom_database_connections{state=\"idle\"}") >= 1.0, "{metrics}");
        assert_eq!(value(&metrics, "cloakroom_hash_lanes"), 3.0);
        assert_eq!(value(&metrics, "cloakroom_hash_waiting"), 0.0);
        let engine = match engine { Engine::Sqlite => "sqlite", Engine::Postgres => "postgres" };
        let version = env!("CARGO_PKG_VERSION");
        let build = format!("cloakroom_build_info{{engine=\"{engine}\",version=\"{version}\"}}");
        assert_eq!(value(&metrics, &build), 1.0, "{metrics}");
        assert!(value(&metrics, "process_resident_memory_bytes") > 0.0);
    }
}

on_both_engines! {
    fn measures_the_database_and_the_age_of_the_key(engine: Engine) {
        let server = start(engine);
        let ada = server.register("ada");
        server.get("/users/me/sessions").bearer(&ada.token).send().expect(200);
        let metrics = read(&server);
        assert!(value(&metrics, "cloakroom_database_work_duration_seconds_count") > 1.0, "{metrics}");
        assert!(value(&metrics, "cloakroom_database_wait_duration_seconds_count") > 0.0, "{metrics}");
        let created = value(&metrics, "cloakroom_signing_key_created_timestamp_seconds");
        let now = server.clock.now().timestamp();
        assert!((now - 120..=now).contains(&(created as i64)), "{created}");
        assert_eq!(value(&metrics, "cloakroom_tls_certificate_expiry_timestamp_seconds"), 0.0);
        let errors = |class: &str| value(&read(&server), &format!("cloakroom_database_errors_total{{class=\"{class}\"}}"));
        assert_eq!((errors("internal"), errors("lost")), (0.0, 0.0));
        // A table that is missing is a fault of the database's content.
        server.db_run("ALTER TABLE sessions RENAME TO moved");
        server.get("/users/me/sessions").bearer(&ada.token).send().expect(500);
        assert!(errors("internal") > 0.0);
    }
}

#[test]
fn every_metric_follows_the_naming_convention() {
    let server = start(Engine::Sqlite);
    server.register("ada");
    server.get("/users/me").bearer("x").send().expect(401);
    let metrics = read(&server);
    for line in metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        assert!(metrics.contains(&format!("# HELP {name} ")), "{name}");
        assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
        assert!(name.starts_with("cloakroom_") || name.starts_with("process_"), "{name}");
        assert!(kind != "histogram" || name.ends_with("_seconds"), "{line}");
    }
    let page = include_str!("../../docs/operating.md");
    let dashboard = include_str!("../../deploy/grafana.json");
    let own = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE cloakroom_"));
    for name in own.map(|line| line.split(' ').next().unwrap()) {
        assert!(page.contains(&format!("`cloakroom_{name}`")), "docs/operating.md does not explain {name}");
        assert!(dashboard.contains(&format!("cloakroom_{name}")), "the dashboard does not show {name}");
    }
}

#[test]
fn metrics_and_api_have_separate_ports() {
    let server = start(Engine::Sqlite);
    server.get("/metrics").send().expect_problem(404, "unknown-path");
    let address = server.metrics.unwrap();
    for path in ["/", "/users", "/users/me", "/openapi.json"] {
        Request::new("GET", format!("http://{address}{path}")).send().expect(404);
    }
}

#[test]
fn metrics_hold_no_secret_and_no_user_data() {
    let server = start(Engine::Sqlite);
    let ada = server.register("ada");
    server.post("/sessions").json(&json!({ "email": ada.email, "password": "wrong" })).send().expect(401);
    let client = [("grant_type", "made-up-by-a-stranger"), ("client_id", "ghost"), ("client_secret", "x")];
    server.post("/oauth/token").form(&client).send().expect(401);
    let metrics = read(&server);
    for told in [&*ada.email, &ada.id, &ada.token, PASSWORD, "made-up", "ghost"] {
        assert!(!metrics.contains(told), "{told}: {metrics}");
    }
}

#[test]
fn configured_port_in_use_fails_the_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let dir = TempDir::new().unwrap();
    let command = Process::command(dir.path(), &[("CLOAKROOM_METRICS_LISTEN", &address)], &[]).output();
    assert_eq!(command.unwrap().status.code(), Some(1));
    let log = std::fs::read_to_string(dir.path().join("log")).unwrap();
    assert!(log.contains(&format!("cannot listen on {address}")), "{log}");
}

#[test]
fn default_port_may_be_in_use() {
    // Another program may have the port already; in either case it is in use now.
    let _taken = std::net::TcpListener::bind(("127.0.0.1", 9090));
    let dir = TempDir::new().unwrap();
    let mut server = Process::start(dir.path(), &[("CLOAKROOM_METRICS_LISTEN", "127.0.0.1:9090")]);
    server.get("/health/live").send().expect(200);
    assert!(server.log().contains("metrics are off: cannot listen on 127.0.0.1:9090"), "{}", server.log());
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
}
