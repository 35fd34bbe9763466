//! `serve --test --seed FILE`: users, clients and records of one's own.

use serde_json::{Value, json};

use super::TestServer;

fn start_with(seed: &Value) -> TestServer {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("seed.json");
    std::fs::write(&file, seed.to_string()).unwrap();
    TestServer::start_in(directory, &[], &["--seed", file.to_str().unwrap()])
}

fn refusal(seed: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("seed.json");
    std::fs::write(&file, seed).unwrap();
    TestServer::refusal(&[], &["--seed", file.to_str().unwrap()])
}

const ADA: &str = "01890a5d-ac96-774b-8000-00000000aaaa";

/// `correct horse battery`, hashed with bcrypt.
const HASH: &str = "$2b$04$Bs/co.839T4q9UpdIrZtgejfRD5XNn0fVxYkK.p5bEIwnnTNRt6/W";

#[test]
fn users_and_clients_of_the_file_can_log_in() {
    let server = start_with(&json!({
        "users": [
            { "id": ADA, "email": "ada@example.org", "password": "a most unusual passphrase", "roles": ["user", "support"],
              "profile": { "name": "Ada" }, "external_id": "4711", "email_verified": true },
            { "email": "hash@example.org", "password_hash": HASH },
            { "email": "gone@example.org", "password": "a most unusual passphrase", "status": "suspended" },
            { "email": "alice@example.com", "password": "alice has another one now" },
        ],
        "clients": [
            { "client_id": "reports", "client_secret": "s3cret", "scope": "users:read:any" },
            { "client_id": "shop", "scope": "openid", "redirect_uris": ["http://127.0.0.1/callback"],
              "token_endpoint_auth_method": "none" },
        ],
    }));
    let ada = server.user_by("ada@example.org");
    assert_eq!((&ada["id"], &ada["roles"]), (&json!(ADA), &json!(["support", "user"])));
    let log_in = |email: &str, password: &str| {
        let body = json!({ "email": email, "password": password });
        server.request("POST", "/sessions").json(&body).send()
    };
    let session = log_in("ada@example.org", "a most unusual passphrase").expect(200).json();
    let token = session["access_token"].as_str().unwrap();
    let profile = server.request("GET", "/users/me/profile").bearer(token).send().expect(200).json();
    assert_eq!(profile["name"], "Ada");
    let me = server.request("GET", "/users/me").bearer(token).send().expect(200).json();
    assert_eq!((&me["id"], &me["email_verified"]), (&json!(ADA), &json!(true)));
    log_in("hash@example.org", "correct horse battery").expect(200);
    assert_eq!(server.user_by("hash@example.org")["password"], Value::Null);
    log_in("gone@example.org", "a most unusual passphrase").expect(401);
    log_in("alice@example.com", "alice has another one now").expect(200);
    log_in("bob@example.com", "a passphrase for tests alone").expect(200);
    let form = [("grant_type", "client_credentials")];
    server.request("POST", "/oauth/token").basic("reports", "s3cret").form(&form).send().expect(200);
    // A reset goes back to them.
    server.request("POST", "/test/reset").send().expect(204);
    log_in("ada@example.org", "a most unusual passphrase").expect(200);
}

#[test]
fn records_are_created_through_the_routes_and_survive_a_reset() {
    let server = start_with(&json!({
        "users": [{ "id": ADA, "email": "ada@example.org" }],
        "records": {
            "/clients": [{ "as": "everything", "body": { "client_id": "made", "scope": "users:read" } }],
            "/users": [{ "as": "admin", "body": { "email": "made@example.org", "password": "a most unusual passphrase" } }],
        },
    }));
    let records = server.seeds["records"].as_array().unwrap();
    let paths: Vec<&str> = records.iter().map(|record| record["path"].as_str().unwrap()).collect();
    assert_eq!(paths[0], "/clients/made");
    assert_eq!(paths[1], format!("/users/{}", records[1]["record"]["id"].as_str().unwrap()));
    server.request("POST", "/test/reset").send().expect(204);
    let admin = server.token("admin");
    for path in paths {
        server.request("GET", path).bearer(&admin).send().expect(200);
    }
}

#[test]
fn faults_of_the_file_are_told_with_their_place() {
    for (seed, told) in [
        ("{", "not valid JSON"),
        ("[]", "must be a JSON object"),
        (r#"{"user": []}"#, "/user is not a known member"),
        (r#"{"users": {}}"#, "/users must be an array of objects"),
        (r#"{"users": [{"email": "nobody"}]}"#, "/users/0/email"),
        (r#"{"users": [{"email": "a@example.org", "id": "1"}]}"#, "/users/0/id must be a UUID of version 7"),
        (r#"{"users": [{"email": "a@example.org", "roles": ["king"]}]}"#, "/users/0/roles/0"),
        (
            r#"{"users": [{"email": "a@example.org"}, {"email": "A@example.org"}]}"#,
            "/users/1 has the id, the address",
        ),
        (r#"{"clients": [{"scope": "openid"}]}"#, "/clients/0/client_id is required"),
        (r#"{"clients": [{"client_id": "a", "scope": "nothing"}]}"#, "/clients/0/scope"),
        (r#"{"records": []}"#, "/records must be an object of paths"),
        (r#"{"records": {"/users": [{"as": "zoe", "body": {}}]}}"#, "POST /users as zoe is refused"),
        (r#"{"records": {"/users": [{"as": "admin", "body": {}}]}}"#, "POST /users as admin is refused"),
        (r#"{"records": {"/users": [{"body": {}}]}}"#, "/records/~1users/0/as must name"),
    ] {
        let refused = refusal(seed);
        assert!(refused.contains(told), "{seed}: {refused}");
    }
    assert!(TestServer::refusal(&[], &["--seed", "/nowhere.json"]).contains("/nowhere.json"));
}
