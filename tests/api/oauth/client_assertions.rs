//! `private_key_jwt` (RFC 7523): a client authenticates with a private key that it never sends.

use serde_json::{Value, json};

use crate::support::{Answer, Application, CALLBACK, IssuerKey, Server, VERIFIER, on_both_engines};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn register(server: &Server, id: &str, key: &IssuerKey) {
    server.register_application(&json!({
        "client_id": id, "scope": "users:read:any", "grant_types": ["client_credentials"], "redirect_uris": [],
        "token_endpoint_auth_method": "private_key_jwt", "jwks": { "keys": [key.jwk()] },
    }));
}

/// Registers a client that signs its users in.
fn register_application(server: &Server, key: &IssuerKey) -> Application {
    server.register_application(&json!({
        "client_id": "ledger", "scope": "openid users:read", "token_endpoint_auth_method": "private_key_jwt",
        "grant_types": ["authorization_code", "refresh_token", "client_credentials"], "jwks": { "keys": [key.jwk()] },
    }))
}

fn db_used_jtis(server: &Server) -> i64 {
    server.db_number("SELECT COUNT(*) AS total FROM used_jtis")
}

/// Returns the claims of a valid assertion. `changes` override them; null removes one.
fn claims(server: &Server, changes: &Value) -> Value {
    let now = server.clock.now().timestamp();
    let mut claims = json!({
        "iss": "ledger", "sub": "ledger", "aud": server.url, "jti": now.to_string(), "iat": now, "exp": now + 60,
    });
    for (name, value) in changes.as_object().expect("changes") {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

fn ask(server: &Server, assertion: &str) -> Answer {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", TYPE),
        ("client_assertion", assertion),
    ];
    server.post("/oauth/token").form(&form).send()
}

#[track_caller]
fn refused(answer: Answer) {
    let answer = answer.expect(401);
    assert_eq!(answer.json()["error"], "invalid_client", "{answer:?}");
    assert_eq!(answer.header("www-authenticate"), None);
}

on_both_engines! {
    fn client_authenticates_with_a_signed_assertion(server) {
        let key = IssuerKey::new("a");
        register(&server, "ledger", &key);
        let sign = |changes: Value| key.sign(&json!({}), &claims(&server, &changes));
        let token = ask(&server, &sign(json!({ "jti": "1" }))).expect(200).json();
        server.get("/users").bearer(token["access_token"].as_str().unwrap()).send().expect(200);
        for audience in [json!(format!("{}/oauth/token", server.url)), json!([server.url, "https://other.example.org"])] {
            ask(&server, &sign(json!({ "jti": format!("{audience}"), "aud": audience }))).expect(200);
        }
        ask(&server, &sign(json!({ "jti": "4", "iat": null }))).expect(200);
        // `client_id` is optional and must match the assertion.
        let with_id = |id: &str, jti: &str| {
            let assertion = sign(json!({ "jti": jti }));
            let form = [("grant_type", "client_credentials"), ("client_id", id), ("client_assertion_type", TYPE), ("client_assertion", &assertion)];
            server.post("/oauth/token").form(&form).send()
        };
        with_id("ledger", "5").expect(200);
        refused(with_id("other", "6"));
        let assertion = sign(json!({ "jti": "7" }));
        let form = [("token", "x"), ("client_assertion_type", TYPE), ("client_assertion", assertion.as_str())];
        assert_eq!(server.post("/oauth/introspect").form(&form).send().expect(200).json(), json!({ "active": false }));
    }

    fn refuses_an_assertion_with_wrong_claims(server) {
        let (key, other) = (IssuerKey::new("a"), IssuerKey::new("a"));
        register(&server, "ledger", &key);
        let now = server.clock.now().timestamp();
        for changes in [
            json!({ "iss": "other" }), json!({ "sub": "other" }), json!({ "iss": null }), json!({ "sub": null }),
            json!({ "aud": null }), json!({ "aud": "https://other.example.org" }), json!({ "aud": format!("{}/", server.url) }),
            json!({ "aud": [] }), json!({ "aud": { "a": server.url } }),
            json!({ "exp": null }), json!({ "exp": now - 60 }), json!({ "exp": now + 3_700 }), json!({ "exp": (now + 60).to_string() }),
            json!({ "nbf": now + 60 }), json!({ "iat": now + 60 }), json!({ "iat": "now" }),
            json!({ "jti": null }), json!({ "jti": "" }), json!({ "jti": 7 }), json!({ "jti": "x".repeat(257) }),
        ] {
            refused(ask(&server, &key.sign(&json!({}), &claims(&server, &changes))));
        }
        let good = claims(&server, &json!({}));
        refused(ask(&server, &other.sign(&json!({}), &good)));
        refused(ask(&server, &key.sign(&json!({ "kid": "b" }), &good)));
        refused(ask(&server, &key.sign(&json!({ "crit": ["exp"] }), &good)));
        for broken in ["x", "a.b.c", "eyJhbGciOiJub25lIn0.e30."] {
            refused(ask(&server, broken));
        }
        ask(&server, &key.sign(&json!({}), &good)).expect(200);
    }

    fn assertion_is_accepted_once_across_replicas(server) {
        let (key, replica) = (IssuerKey::new("a"), server.replica());
        register(&server, "ledger", &key);
        let assertion = key.sign(&json!({}), &claims(&server, &json!({})));
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let ask = |server| { let assertion = &assertion; scope.spawn(move || ask(server, assertion)) };
            let threads: Vec<_> = (0..25).flat_map(|_| [ask(&server), ask(&replica)]).collect();
            threads.into_iter().map(|thread| thread.join().expect("an answer")).collect()
        });
        let (taken, not): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
        assert_eq!(taken.len(), 1);
        not.into_iter().for_each(refused);
    }

    fn assertion_is_used_up_by_a_successful_request_alone(server) {
        let (ada, key) = (server.register("ada"), IssuerKey::new("a"));
        let app = register_application(&server, &key);
        let sign = |jti: &str| key.sign(&json!({}), &claims(&server, &json!({ "jti": jti })));
        let post = |path: &str, assertion: &str, form: &[(&str, &str)]| {
            let authentication = [("client_assertion_type", TYPE), ("client_assertion", assertion)];
            server.post(path).form(&[form, &authentication].concat()).send()
        };
        let token = |assertion: &str, form: &[(&str, &str)]| post("/oauth/token", assertion, form);
        let (code, redirect) = (app.code(&server, &ada, &[]), ("redirect_uri", CALLBACK));
        let redeem = |code: &str, redirect: (&str, &str), assertion: &str| {
            token(assertion, &[("grant_type", "authorization_code"), ("code", code), redirect, ("code_verifier", VERIFIER)])
        };
        let error = |answer: Answer| answer.expect(400).json()["error"].as_str().unwrap().to_owned();
        let one = sign("1");
        for (form, expected) in [
            (&[("grant_type", "password")][..], "unsupported_grant_type"),
            (&[("scope", "users:read")], "invalid_request"),
            (&[("grant_type", "refresh_token")], "invalid_request"),
            (&[("grant_type", "refresh_token"), ("refresh_token", "x")], "invalid_grant"),
            (&[("grant_type", "client_credentials"), ("scope", "audit:read:any")], "invalid_scope"),
            (&[("grant_type", "client_credentials"), ("resource", "https://nowhere.example")], "invalid_target"),
        ] {
            assert_eq!(error(token(&one, form)), expected);
        }
        for path in ["/oauth/introspect", "/oauth/revoke"] {
            assert_eq!(error(post(path, &one, &[])), "invalid_request");
        }
        assert_eq!(error(redeem("x", redirect, &one)), "invalid_grant");
        assert_eq!(error(redeem(&app.code(&server, &ada, &[]), ("redirect_uri", "https://elsewhere.example"), &one)), "invalid_grant");
        assert_eq!(db_used_jtis(&server), 0);
        let tokens = redeem(&code, redirect, &one).expect(200).json();
        assert_eq!(db_used_jtis(&server), 1);
        // A used assertion is no authentication, whatever the request is for, and changes nothing.
        let refresh = [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())];
        refused(redeem(&code, redirect, &one));
        refused(token(&one, &refresh));
        refused(token(&one, &[("grant_type", "password")]));
        refused(post("/oauth/introspect", &one, &[("token", "x")]));
        refused(post("/oauth/revoke", &one, &refresh[1..]));
        let two = sign("2");
        assert_eq!(error(token(&two, &[&refresh[..], &[("scope", "audit:read:any")]].concat())), "invalid_scope");
        let tokens = token(&two, &refresh).expect(200).json();
        refused(token(&two, &refresh));
        let (refresh, access) = (tokens["refresh_token"].as_str().unwrap(), tokens["access_token"].as_str().unwrap());
        for (number, path, sent) in [
            (3, "/oauth/introspect", refresh), (4, "/oauth/introspect", access), (5, "/oauth/introspect", "x"),
            (6, "/oauth/revoke", "x"), (7, "/oauth/revoke", access), (8, "/oauth/revoke", refresh),
        ] {
            let assertion = sign(&number.to_string());
            post(path, &assertion, &[("token", sent)]).expect(200);
            assert_eq!(db_used_jtis(&server), number, "{path}");
            refused(post(path, &assertion, &[("token", sent)]));
        }
    }

    fn assertion_is_accepted_once_at_every_endpoint_at_a_time(server) {
        let (ada, key, replica) = (server.register("ada"), IssuerKey::new("a"), server.replica());
        let app = register_application(&server, &key);
        let codes: Vec<String> = (0..4).map(|_| app.code(&server, &ada, &[])).collect();
        let form = |path: &str, name: &str, value: &str| (path.to_owned(), name.to_owned(), value.to_owned());
        let mut requests = vec![form("/oauth/introspect", "token", "x"), form("/oauth/revoke", "token", "x")];
        requests.extend(codes.iter().map(|code| form("/oauth/token", "code", code)));
        for round in 0..5 {
            let assertion = key.sign(&json!({}), &claims(&server, &json!({ "jti": format!("round {round}") })));
            let answers: Vec<Answer> = std::thread::scope(|scope| {
                let send = |server, (path, name, value)| {
                    let (assertion, path, name, value): (&str, &String, &String, &String) = (&assertion, path, name, value);
                    let server: &Server = server;
                    scope.spawn(move || {
                        let form = [(name.as_str(), value.as_str()), ("grant_type", "authorization_code"), ("redirect_uri", CALLBACK), ("code_verifier", VERIFIER), ("client_assertion_type", TYPE), ("client_assertion", assertion)];
                        server.post(path).form(&form).send()
                    })
                };
                let threads: Vec<_> = requests.iter().flat_map(|(path, name, value)| [send(&server, (path, name, value)), send(&replica, (path, name, value))]).collect();
                threads.into_iter().map(|thread| thread.join().expect("an answer")).collect()
            });
            let (taken, not): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
            assert!(taken.len() <= 1, "{taken:?}");
            for answer in not {
                // A code can be refused first, because another request redeemed it.
                assert!(matches!(answer.json()["error"].as_str(), Some("invalid_client" | "invalid_grant")), "{answer:?}");
            }
            assert_eq!(db_used_jtis(&server), i64::from(round) + 1);
        }
    }

    fn client_uses_only_its_registered_authentication_method(server) {
        let key = IssuerKey::new("a");
        register(&server, "ledger", &key);
        let by_secret = server.application("photos", "openid users:read");
        let named = key.sign(&json!({}), &claims(&server, &json!({ "iss": by_secret.id, "sub": by_secret.id })));
        refused(ask(&server, &named));
        for form in [vec![("client_id", "ledger")], vec![("client_id", "ledger"), ("client_secret", "x")]] {
            let form = [vec![("grant_type", "client_credentials")], form].concat();
            refused(server.post("/oauth/token").form(&form).send());
        }
        let assertion = key.sign(&json!({}), &claims(&server, &json!({})));
        for more in [vec![("client_secret", "x")], vec![("client_assertion_type", "")], vec![("client_assertion_type", "urn:other")], vec![("client_assertion", "")]] {
            let changed: Vec<&str> = more.iter().map(|(name, _)| *name).collect();
            let usual = [("grant_type", "client_credentials"), ("client_assertion_type", TYPE), ("client_assertion", assertion.as_str())];
            let form: Vec<_> = usual.into_iter().filter(|(name, _)| !changed.contains(name)).chain(more).collect();
            let answer = server.post("/oauth/token").form(&form).send().expect(400);
            assert_eq!(answer.json()["error"], "invalid_request", "{form:?}");
        }
        ask(&server, &assertion).expect(200);
    }

    fn refuses_a_removed_client_key(server) {
        let (old, new, admin) = (IssuerKey::new("old"), IssuerKey::new("new"), server.admin());
        register(&server, "ledger", &old);
        let both = json!({ "jwks": { "keys": [old.jwk(), new.jwk()] } });
        let patch = |body: &Value| server.patch("/clients/ledger").bearer(&admin.token).if_match("*").json(body).send().expect(200);
        patch(&both);
        for (key, jti) in [(&old, "1"), (&new, "2")] {
            ask(&server, &key.sign(&json!({}), &claims(&server, &json!({ "jti": jti })))).expect(200);
        }
        patch(&json!({ "jwks": { "keys": [new.jwk()] } }));
        refused(ask(&server, &old.sign(&json!({}), &claims(&server, &json!({ "jti": "3" })))));
        ask(&server, &new.sign(&json!({}), &claims(&server, &json!({ "jti": "4" })))).expect(200);
    }
}
