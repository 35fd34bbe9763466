//! `cloakroom token`: tokens for every situation, and the reason why one is accepted or refused.

use serde_json::{Value, json};

use super::Machine;
use crate::support::{Engine, Person, Server, decoded, on_both_engines};

/// Each flag that makes an invalid token, and the reason for its refusal.
const SITUATIONS: [(&str, &str); 16] = [
    ("--expired", "expired"),
    ("--not-yet-valid", "not-yet-valid"),
    ("--issued-in-the-future", "issued-in-the-future"),
    ("--wrong-issuer", "wrong-issuer"),
    ("--wrong-audience", "wrong-audience"),
    ("--id-token", "wrong-type"),
    ("--wrong-typ", "wrong-type"),
    ("--crit", "critical-header"),
    ("--revoked", "revoked"),
    ("--tampered", "wrong-signature"),
    ("--wrong-key", "wrong-signature"),
    ("--unknown-key", "unknown-key"),
    ("--embedded-jwk", "wrong-signature"),
    ("--hs256-with-public-key", "wrong-algorithm"),
    ("--unsigned", "unknown-algorithm"),
    ("--two-parts", "not-three-parts"),
];

fn mint(server: &Server, arguments: &[&str]) -> String {
    let arguments = [&["token", "mint", "--issuer", &server.url], arguments].concat();
    server.operator(&arguments).trim_end().to_owned()
}

/// Inspects a token, which the command reads from standard input.
fn inspect(server: &Server, token: &str) -> Value {
    let arguments = ["token", "inspect", "--json", "--issuer", &server.url];
    serde_json::from_str(&server.operator_output_with_input(&arguments, token)).expect("JSON")
}

fn status(server: &Server, token: &str) -> u16 {
    server.get("/users/me").bearer(token).send().status
}

/// Returns the checks with this outcome.
fn checks(report: &Value, outcome: &str) -> Vec<String> {
    let checks = report["checks"].as_array().unwrap().iter().filter(|check| check["outcome"] == outcome);
    checks.map(|check| check["check"].as_str().unwrap().to_owned()).collect()
}

fn trail(server: &Server, of: &Person) -> Vec<Value> {
    let answer = server.get("/users/me/audit").bearer(&of.token).send().expect(200).json();
    answer["items"].as_array().cloned().unwrap()
}

on_both_engines! {
    fn inspection_names_every_reason_for_refusal(server) {
        let ada = server.register("ada");
        for (flag, reason) in SITUATIONS {
            let token = mint(&server, &["--as", &ada.email, flag]);
            // The server learns of revocations from the database.
            server.eventually_refuses(&token);
            let report = inspect(&server, &token);
            assert_eq!((&report["accepted"], &report["reason"]), (&json!(false), &json!(reason)), "{flag}");
            assert_eq!(checks(&report, "failed").len(), 1, "{flag}: {report}");
            let told: Value = serde_json::from_str(&mint(&server, &["--as", &ada.email, flag, "--json"])).unwrap();
            assert_eq!(told["refused"]["reason"], reason);
        }
    }

    fn stale_token_is_refused_by_fresh_rules_alone(server) {
        let ada = server.register("ada");
        let stale = mint(&server, &["--as", &ada.email, "--stale"]);
        assert_eq!(status(&server, &stale), 200);
        let refused = server.delete(&ada.path()).bearer(&stale).send();
        let refused = refused.expect_problem(401, "insufficient-user-authentication").json();
        // The answer says what to do.
        let detail = refused["detail"].as_str().unwrap();
        for way in ["POST /sessions/current/authentication", "max_age=600", "CLOAKROOM_STEP_UP=off"] {
            assert!(detail.contains(way), "{detail}");
        }
        let fresh = mint(&server, &["--as", &ada.email]);
        server.delete(&ada.path()).bearer(&fresh).send().expect(204);
    }

    fn valid_token_has_at_most_the_grantable_scope(server) {
        let ada = server.register("ada");
        let token = mint(&server, &["--as", &ada.id, "--scope", "users:read"]);
        server.get("/users/me").bearer(&token).send().expect(200);
        server.get("/users/me/profile").bearer(&token).send().expect_problem(403, "insufficient-scope");
        assert_eq!(status(&server, &mint(&server, &["--as", &ada.email, "--ttl", "1h"])), 200);
        let more = ["token", "mint", "--as", &ada.email, "--scope", "users:read:any"];
        assert!(server.operator_refused(&more).contains("users:read:any cannot be granted"));
        server.client_token("reports", "users:read:any");
        let client = mint(&server, &["--client", "reports"]);
        server.get(&ada.path()).bearer(&client).send().expect(200);
        // The trail of the token's user records the minting.
        let line = trail(&server, &ada).into_iter().find(|line| line["action"] == "mint").expect("a line");
        assert_eq!((&line["actor"], &line["resource"]), (&json!("operator"), &json!("token")));
        server.operator(&["users", "suspend", &ada.email]);
        let suspended = server.operator_refused(&["token", "mint", "--as", &ada.email]);
        assert!(suspended.contains("is suspended"), "{suspended}");
    }

    fn mints_a_token_with_any_claim_or_header(server) {
        let ada = server.register("ada");
        let (header, claims) = decoded(&mint(
            &server,
            &["--as", &ada.email, "--claim", "exp=\"soon\"", "--claim", "aud=null", "--claim", "x=[1]", "--header", "cty=x", "--typ", "JWT"],
        ));
        assert_eq!((&claims["exp"], &claims["aud"], &claims["x"]), (&json!("soon"), &Value::Null, &json!([1])));
        assert_eq!((&header["cty"], &header["typ"]), (&json!("x"), &json!("JWT")));
        for (claim, reason) in [("exp=\"soon\"", "malformed-expiry"), ("sub=[]", "malformed-subject"), ("iss=null", "malformed-issuer")] {
            let token = mint(&server, &["--as", &ada.email, "--claim", claim]);
            assert_eq!((status(&server, &token), &inspect(&server, &token)["reason"]), (401, &json!(reason)));
        }
        for spelling in ["none", "None", "nOnE", "HS256"] {
            assert_eq!(status(&server, &mint(&server, &["--as", &ada.email, "--alg", spelling])), 401, "{spelling}");
        }
    }

    fn inspection_lists_each_check_without_the_signature(server) {
        let ada = server.register("ada");
        let report = inspect(&server, &format!("Bearer {}\n", ada.token));
        assert_eq!((&report["accepted"], checks(&report, "passed").len()), (&json!(true), 13));
        let signature = ada.token.rsplit('.').next().unwrap();
        let text = server.operator(&["token", "inspect", "--issuer", &server.url, &ada.token]);
        for told in [report.to_string(), text.clone()] {
            assert!(!told.contains(signature) && !told.contains(&ada.token));
        }
        assert!(text.contains("✓ signature") && text.ends_with("accepted\n"), "{text}");
        assert!(text.contains("exp 20") && text.contains("(in "), "{text}");
        // For another server: the checks before the issuer pass.
        let elsewhere = server.operator_output(&["token", "inspect", "--issuer", "https://id.example.org", &ada.token]);
        assert!(elsewhere.contains("✓ claims") && elsewhere.contains("✗ iss") && elsewhere.contains("· aud"), "{elsewhere}");
        // The user is suspended after the token was issued.
        server.operator(&["users", "suspend", &ada.email]);
        let report = inspect(&server, &ada.token);
        assert_eq!((checks(&report, "failed"), checks(&report, "not-reached")), (vec!["standing".to_owned()], vec!["possession".to_owned()]));
    }
}

#[test]
fn mints_tokens_with_every_algorithm() {
    for algorithm in ["EdDSA", "RS256", "PS256"] {
        let server = Server::start_with(Engine::Sqlite, &[("CLOAKROOM_SIGNING_ALGORITHM", algorithm)]);
        let ada = server.register("ada");
        let with = ["--signing-algorithm", algorithm];
        let mint = |more: &[&str]| mint(&server, &[&with[..], &["--as", &ada.email], more].concat());
        assert_eq!(status(&server, &mint(&[])), 200, "{algorithm}");
        for flag in ["--expired", "--hs256-with-public-key", "--wrong-key", "--tampered"] {
            assert_eq!(status(&server, &mint(&[flag])), 401, "{algorithm} {flag}");
        }
    }
}

#[test]
fn forged_token_needs_no_database_and_no_key() {
    let server = Server::start(Engine::Sqlite);
    let ada = server.register("ada");
    let machine = Machine::new();
    let jwks = machine.path().join("jwks.json");
    std::fs::write(&jwks, server.get("/.well-known/jwks.json").send().expect(200).body).unwrap();
    let jwks = jwks.to_str().unwrap();
    let kid = decoded(&ada.token).0["kid"].clone();
    for flag in ["--tampered", "--wrong-key", "--embedded-jwk", "--hs256-with-public-key", "--unsigned"] {
        let arguments = ["token", "mint", "--issuer", &server.url, "--as", &ada.id, "--jwks", jwks, flag];
        let token = machine.done(&arguments);
        let (header, claims) = decoded(token.trim_end());
        assert_eq!((&header["kid"], &claims["sub"]), (&kid, &json!(ada.id)), "{flag}");
        assert_eq!(status(&server, token.trim_end()), 401, "{flag}");
    }
    machine.refused(&["token", "mint", "--as", &ada.id, "--expired"], &["migrate"]);
    let without = ["token", "mint", "--issuer", &server.url, "--as", &ada.id, "--hs256-with-public-key"];
    machine.refused(&without, &["--jwks"]);
    machine.misused(&["token", "mint", "--as", &ada.id, "--expired", "--crit"], "cannot be used with");
    machine
        .refused(&["token", "mint", "--issuer", &server.url, "--unsigned"], &["give --as USER or --client"]);
}
