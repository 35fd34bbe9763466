//! `/oauth/token` and `/.well-known/…`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{Answer, Server, eventually, on_both_engines};

fn register_client(server: &Server, id: &str, scope: &str) -> String {
    let made = server.operator(&["clients", "create", "--id", id, "--scope", scope, "--json"]);
    let made: Value = serde_json::from_str(&made).unwrap();
    made["client_secret"].as_str().unwrap().to_owned()
}

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

#[track_caller]
fn expect_error(answer: Answer, status: u16, error: &str) -> Answer {
    let answer = answer.expect(status);
    assert_eq!(answer.json()["error"], error, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    answer
}

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

on_both_engines! {
    fn client_credentials_by_basic_and_post(server) {
        let secret = register_client(&server, "reports", "users:read:any profiles:read:any");
        let by_basic = server.post("/oauth/token").header("authorization", &basic("reports", &secret)).form(&[GRANT]).send();
        let by_post = server.post("/oauth/token").form(&[GRANT, ("client_id", "reports"), ("client_secret", &secret)]).send();
        for answer in [by_basic, by_post] {
            let token = answer.expect(200).json();
            assert_eq!((&token["token_type"], &token["scope"]), (&json!("Bearer"), &json!("profiles:read:any users:read:any")));
            let (_, claims) = crate::support::decoded(token["access_token"].as_str().unwrap());
            assert_eq!((&claims["sub"], &claims["client_id"]), (&json!("reports"), &json!("reports")));
            assert_eq!(claims.get("sid"), None);
            server.get("/users").bearer(token["access_token"].as_str().unwrap()).send().expect(200);
        }
    }

    fn scope_is_limited_to_the_registered_one(server) {
        let secret = register_client(&server, "reports", "users:read:any");
        let ask = |scope: &str| {
            let form = [GRANT, ("scope", scope)];
            server.post("/oauth/token").header("authorization", &basic("reports", &secret)).form(&form).send()
        };
        assert_eq!(ask("users:read:any users:delete:any").expect(200).json()["scope"], "users:read:any");
        expect_error(ask("users:delete:any"), 400, "invalid_scope");
        expect_error(ask("bad\u{7f}"), 400, "invalid_scope");
        expect_error(ask(&"a ".repeat(10_000)), 400, "invalid_scope");
    }

    fn unknown_client_and_wrong_secret_look_alike(server) {
        let secret = register_client(&server, "reports", "users:read:any");
        let ask = |authorization: &str| {
            server.post("/oauth/token").header("authorization", authorization).header("x-request-id", "same").form(&[GRANT]).send()
        };
        let wrong = expect_error(ask(&basic("reports", "wrong")), 401, "invalid_client");
        assert!(wrong.header("www-authenticate").unwrap().starts_with("Basic "));
        for authorization in [basic("nobody", &secret), basic("\0", "x"), basic("reports", &secret[1..]), "Basic %%%".to_owned(), "Bearer x".to_owned()] {
            assert_eq!(expect_error(ask(&authorization), 401, "invalid_client").body, wrong.body);
        }
        expect_error(server.post("/oauth/token").form(&[GRANT]).send(), 401, "invalid_client");
    }

    fn refuses_contradictory_credentials(server) {
        let secret = register_client(&server, "reports", "users:read:any");
        let with_basic = || server.post("/oauth/token").header("authorization", &basic("reports", &secret));
        expect_error(with_basic().form(&[GRANT, ("client_secret", &secret)]).send(), 400, "invalid_request");
        expect_error(with_basic().form(&[GRANT, ("client_id", "other")]).send(), 400, "invalid_request");
        expect_error(with_basic().form(&[GRANT, GRANT]).send(), 400, "invalid_request");
        expect_error(with_basic().form(&[("scope", "users:read:any")]).send(), 400, "invalid_request");
        expect_error(with_basic().form(&[("grant_type", "password")]).send(), 400, "unsupported_grant_type");
        expect_error(with_basic().json(&json!({})).send(), 415, "invalid_request");
        expect_error(server.get("/oauth/token").send(), 405, "invalid_request");
        expect_error(with_basic().form(&[("x", &"y".repeat(70_000))]).send(), 413, "invalid_request");
    }

    fn refuses_a_rotated_secret_and_a_deleted_client(server) {
        let secret = register_client(&server, "reports", "users:read:any");
        let ask = |secret: &str| server.post("/oauth/token").header("authorization", &basic("reports", secret)).form(&[GRANT]).send();
        let rotate = |keep_old: &[&str]| {
            let rotated = server.operator(&[&["clients", "rotate-secret", "reports", "--json"], keep_old].concat());
            let rotated: Value = serde_json::from_str(&rotated).unwrap();
            rotated["client_secret"].as_str().unwrap().to_owned()
        };
        let second = rotate(&[]);
        for good in [&secret, &second] {
            ask(good).expect(200);
        }
        let third = rotate(&["--keep-old", "0s"]);
        for ended in [&secret, &second] {
            expect_error(ask(ended), 401, "invalid_client");
        }
        let token = ask(&third).expect(200).json();
        let token = token["access_token"].as_str().unwrap();
        server.get("/users").bearer(token).send().expect(200);
        server.operator(&["clients", "delete", "reports"]);
        eventually("the token is refused", || server.get("/users").bearer(token).send().status == 401);
    }

    fn publishes_public_keys_only(server) {
        let answer = server.get("/.well-known/jwks.json").send().expect(200);
        let key = &answer.json()["keys"][0];
        assert_eq!((&key["kty"], &key["crv"], &key["alg"], &key["use"]), (&json!("EC"), &json!("P-256"), &json!("ES256"), &json!("sig")));
        for private in ["d", "p", "q", "dp", "dq", "qi", "k", "oth"] {
            assert_eq!(key.get(private), None);
        }
    }

    fn metadata_lists_the_endpoints(server) {
        let resource = server.get("/.well-known/oauth-protected-resource").send().expect(200).json();
        assert_eq!(resource["resource"], server.url);
        let issuer = resource["authorization_servers"][0].as_str().unwrap();
        let metadata = server.get("/.well-known/oauth-authorization-server").send().expect(200).json();
        assert_eq!(metadata["issuer"], issuer);
        assert_eq!(metadata["token_endpoint"], format!("{issuer}/oauth/token"));
        assert!(metadata["scopes_supported"].as_array().unwrap().contains(&json!("users:read:any")));
    }
}
