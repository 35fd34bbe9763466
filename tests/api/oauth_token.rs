//! `/oauth/token` and `/.well-known/…`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::{Answer, Application, IssuerKey, Server, eventually, on_both_engines};

fn register_client(server: &Server, id: &str, scope: &str) -> String {
    let made = server.operator(&["clients", "create", "--id", id, "--scope", scope, "--json"]);
    let made: Value = serde_json::from_str(&made).unwrap();
    made["client_secret"].as_str().unwrap().to_owned()
}

/// Registers a client that sends its secret in the form.
fn register_posting_client(server: &Server, id: &str, scope: &str) -> String {
    let method = ["--auth-method", "client_secret_post"];
    let made = server
        .operator(&[&["clients", "create", "--id", id, "--scope", scope, "--json"], &method[..]].concat());
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

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

on_both_engines! {
    fn client_credentials_by_basic_and_post(server) {
        let scope = "users:read:any profiles:read:any";
        let (secret, posted) = (register_client(&server, "reports", scope), register_posting_client(&server, "poster", scope));
        let by_basic = server.post("/oauth/token").header("authorization", &basic("reports", &secret)).form(&[GRANT]).send();
        let by_post = server.post("/oauth/token").form(&[GRANT, ("client_id", "poster"), ("client_secret", &posted)]).send();
        for (id, answer) in [("reports", by_basic), ("poster", by_post)] {
            let token = answer.expect(200).json();
            assert_eq!((&token["token_type"], &token["scope"]), (&json!("Bearer"), &json!("profiles:read:any users:read:any")));
            let (_, claims) = crate::support::decoded(token["access_token"].as_str().unwrap());
            assert_eq!((&claims["sub"], &claims["client_id"]), (&json!(id), &json!(id)));
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
        for none in ["", " ", "   "] {
            assert_eq!(ask(none).expect(200).json()["scope"], "users:read:any", "{none:?}");
        }
        expect_error(ask("users:delete:any"), 400, "invalid_scope");
        expect_error(ask("bad\u{7f}"), 400, "invalid_scope");
        expect_error(ask(&"a ".repeat(10_000)), 400, "invalid_scope");
    }

    fn more_spaces_between_scopes_are_one(server) {
        let (admin, ada) = (server.admin(), server.register("ada"));
        let spaced = "  users:read   openid ";
        let app = server.register_application(&json!({ "client_id": "photos", "scope": spaced }));
        let tokens = app.tokens(&server, &ada, &[("scope", spaced)]);
        assert_eq!(tokens["scope"], "openid users:read");
        assert_eq!(app.tokens(&server, &ada, &[("scope", "  ")])["scope"], "openid users:read");
        let refreshed = app.refresh_for(&server, tokens["refresh_token"].as_str().unwrap(), Some("  users:read ")).expect(200);
        assert_eq!(refreshed.json()["scope"], "users:read");
        let registered = server.get("/clients/photos").bearer(&admin.token).send().expect(200).json();
        assert_eq!(registered["scope"], "openid users:read");
        let patched = server.patch("/clients/photos").bearer(&admin.token).if_match("*").json(&json!({ "scope": " users:read  users:write" })).send().expect(200);
        assert_eq!(patched.json()["scope"], "users:read users:write");
        let log_in = |scope: &str| server.post("/sessions").json(&json!({ "email": ada.email, "password": crate::support::PASSWORD, "scope": scope })).send();
        assert_eq!(log_in(spaced).expect(200).json()["scope"], "openid users:read");
        let minted = server.operator(&["token", "mint", "--as", &ada.email, "--scope", spaced]);
        assert_eq!(crate::support::decoded(minted.trim()).1["scope"], "openid users:read");
        // Nothing else separates scopes, and a list without a scope is none.
        for wrong in ["users:read\topenid", "users:read\nopenid", "users:read\u{a0}openid", "   "] {
            log_in(wrong).expect_problem(422, "invalid-body");
            expect_error(app.refresh_for(&server, "x", Some(wrong)), 400, "invalid_grant");
            let body = json!({ "client_id": "other", "scope": wrong, "grant_types": ["client_credentials"] });
            server.post("/clients").bearer(&admin.token).json(&body).send().expect_problem(422, "invalid-body");
        }
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

    fn a_client_uses_its_registered_method_alone(server) {
        let key = IssuerKey::new("a");
        let registered = [("by-basic", "client_secret_basic"), ("by-post", "client_secret_post"), ("by-key", "private_key_jwt"), ("public", "none")];
        let registered: Vec<(Application, &str)> = registered.into_iter().map(|(id, method)| {
            let mut members = json!({ "client_id": id, "scope": "users:read", "token_endpoint_auth_method": method });
            if method == "private_key_jwt" {
                members["jwks"] = json!({ "keys": [key.jwk()] });
            }
            (server.register_application(&members), method)
        }).collect();
        let mut right = 0;
        for path in ["/oauth/token", "/oauth/revoke", "/oauth/introspect"] {
            for (app, method) in &registered {
                // For the others, a secret that no client has.
                let secret = app.secret.clone().unwrap_or_else(|| "no secret".to_owned());
                let now = server.clock.now().timestamp();
                let claims = json!({ "iss": app.id, "sub": app.id, "aud": server.url, "jti": format!("{path} {method}"), "iat": now, "exp": now + 60 });
                let assertion = key.sign(&json!({}), &claims);
                let form = [("grant_type", "refresh_token"), ("refresh_token", "x"), ("token", "x")];
                let with = |more: &[(&str, &str)]| server.post(path).form(&[&form, more].concat());
                for (presented, request) in [
                    ("client_secret_basic", server.post(path).basic(&app.id, &secret).form(&form)),
                    ("client_secret_post", with(&[("client_id", &app.id), ("client_secret", &secret)])),
                    ("private_key_jwt", with(&[("client_assertion_type", JWT_BEARER), ("client_assertion", &assertion)])),
                    ("none", with(&[("client_id", &app.id)])),
                ] {
                    let answer = request.send();
                    if presented == *method {
                        right += 1;
                        let is_public_introspection = *method == "none" && path == "/oauth/introspect";
                        assert_eq!(answer.json()["error"] == "invalid_client", is_public_introspection, "{path} {method}: {answer:?}");
                        continue;
                    }
                    let refused = expect_error(answer, 401, "invalid_client");
                    let named = format!("The client is registered for the authentication method {method} and must use no other one.");
                    assert_eq!(refused.json()["error_description"], named, "{path} {presented}");
                    assert_eq!(refused.header("www-authenticate").is_some(), presented == "client_secret_basic");
                }
            }
        }
        assert_eq!(right, 12);
        // A change of the method counts at once, and the secret stays.
        let (app, _) = &registered[0];
        let admin = server.admin();
        let change = json!({ "token_endpoint_auth_method": "client_secret_post" });
        let etag = server.get("/clients/by-basic").bearer(&admin.token).send().etag().to_owned();
        server.patch("/clients/by-basic").bearer(&admin.token).if_match(&etag).json(&change).send().expect(200);
        let form = [("token", "x"), ("client_id", "by-basic"), ("client_secret", app.secret.as_deref().unwrap())];
        server.post("/oauth/revoke").form(&form).send().expect(200);
        expect_error(app.post(&server, "/oauth/revoke", &[("token", "x")]), 401, "invalid_client");
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

on_both_engines! {
    fn secret_that_has_expired_stays_expired_at_the_next_rotation(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &[]);
        let first = register_client(&server, "reports", "users:read:any");
        let ask = |secret: &str| server.post("/oauth/token").header("authorization", &basic("reports", secret)).form(&[GRANT]).send();
        let admin = server.admin();
        let rotate = || {
            let post = server.post("/clients/reports/secret").bearer(&admin.token);
            let answer = post.json(&json!({ "old_expires_in": 60 })).send().expect(200).json();
            answer["client_secret"].as_str().unwrap().to_owned()
        };
        let second = rotate();
        ask(&first).expect(200);
        server.clock.advance(TimeDelta::seconds(61));
        expect_error(ask(&first), 401, "invalid_client");
        let third = rotate();
        expect_error(ask(&first), 401, "invalid_client");
        for good in [&second, &third] {
            ask(good).expect(200);
        }
    }
}
