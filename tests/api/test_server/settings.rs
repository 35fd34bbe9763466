//! Settings that a test server takes. It refuses the others.

use serde_json::json;

use super::TestServer;
use crate::support::Process;

#[test]
fn takes_the_settings_that_testers_vary() {
    let server = TestServer::start_with(
        &[
            ("CLOAKROOM_ACCESS_TOKEN_TTL", "2m"),
            ("CLOAKROOM_CORS_ORIGINS", "https://app.example.com"),
            ("CLOAKROOM_DOCS", "off"),
        ],
        &["--registration", "closed", "--rate-limits", "on", "--step-up", "off"],
    );
    let settings = server.request("GET", "/test").send().expect(200).json()["settings"].clone();
    for (name, value) in [
        ("CLOAKROOM_ACCESS_TOKEN_TTL", "2m"),
        ("CLOAKROOM_REGISTRATION", "closed"),
        ("CLOAKROOM_RATE_LIMITS", "on"),
        ("CLOAKROOM_STEP_UP", "off"),
        ("CLOAKROOM_SESSION_TTL", "90d"),
    ] {
        assert_eq!(settings[name], value, "{name}");
    }
    assert!(settings.get("DATABASE_URL").is_none());
    let session = server.log_in("alice").expect(200).json();
    assert_eq!(session["expires_in"], 120);
    server.request("GET", "/docs").send().expect_problem(404, "unknown-path");
    let body = json!({ "email": "new@example.com", "password": "some unusual words, in a row" });
    server.request("POST", "/users").json(&body).send().expect(401);
    let preflight = server.request("OPTIONS", "/users/me").header("origin", "https://app.example.com");
    let preflight = preflight.header("access-control-request-method", "GET").send();
    assert_eq!(preflight.header("access-control-allow-origin"), Some("https://app.example.com"));
}

#[test]
fn registration_may_wait_for_a_mail() {
    let server = TestServer::start_with(&[("CLOAKROOM_REGISTRATION", "verified")], &[]);
    let body = json!({ "email": "new@example.com", "password": "some unusual words, in a row" });
    server.request("POST", "/users").json(&body).send().expect(202);
    let mails = server.request("GET", "/test/mail?to=new@example.com&wait=10s").send().expect(200).json();
    assert_eq!(mails["items"].as_array().unwrap().len(), 1);
}

#[test]
fn mails_after_a_number_are_waited_for() {
    let server = TestServer::start();
    let mails = |query: &str| {
        let answer = server.request("GET", &format!("/test/mail?{query}")).send().expect(200).json();
        answer["items"].as_array().unwrap().clone()
    };
    // The wait runs out.
    assert_eq!(mails("wait=100ms"), Vec::<serde_json::Value>::new());
    let ask = |email: &str| {
        server.request("POST", "/password-resets").json(&json!({ "email": email })).send().expect(202);
    };
    ask("alice@example.com");
    let first = mails("wait=10s");
    ask("bob@example.com");
    let second = mails(&format!("after={}&wait=10s", first[0]["id"]));
    let receivers: Vec<_> = [&first, &second].map(|mails| (mails.len(), mails[0]["to"].clone())).into();
    assert_eq!(receivers, [(1, json!("alice@example.com")), (1, json!("bob@example.com"))]);
    assert_eq!(
        mails(&format!("after={}&to=alice@example.com", first[0]["id"])),
        Vec::<serde_json::Value>::new()
    );
    assert_eq!(mails("").len(), 2);
}

#[test]
fn refuses_each_other_setting_by_name() {
    for (name, value) in [
        ("DATABASE_URL", "postgres://nobody@nowhere/nothing"),
        ("CLOAKROOM_ARGON2", "m=7168,t=5,p=1"),
        ("CLOAKROOM_ENVIRONMENT", "staging"),
        ("CLOAKROOM_WORKERS", "4"),
        ("CLOAKROOM_MASTER_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
        ("CLOAKROOM_METRICS_LISTEN", "off"),
    ] {
        let told = TestServer::refusal(&[(name, value)], &[]);
        assert!(told.contains(name) && told.contains("is not taken by a test server"), "{name}: {told}");
    }
    let told = TestServer::refusal(&[], &["--workers", "4"]);
    assert!(told.contains("CLOAKROOM_WORKERS (flag) is not taken"), "{told}");
    let told = TestServer::refusal(&[("CLOAKROOM_ACCESS_TOKEN_TTL", "soon")], &[]);
    assert!(told.contains("CLOAKROOM_ACCESS_TOKEN_TTL is \"soon\""), "{told}");
    let told = TestServer::refusal(&[("CLOAKROOM_ACES_TOKEN_TTL", "1m")], &[]);
    assert!(told.contains("is not a setting"), "{told}");
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(".env"), "CLOAKROOM_WORKERS=4\n").unwrap();
    let mut command = Process::test_server_command(directory.path(), &[], &[]);
    let output = command.stderr(std::process::Stdio::piped()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("CLOAKROOM_WORKERS (.env) is not taken"), "{told}");
}
