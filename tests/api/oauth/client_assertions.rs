//! `private_key_jwt` (RFC 7523): a client authenticates with a private key that it never sends.

use serde_json::{Value, json};

use crate::support::{Answer, IssuerKey, Server, on_both_engines};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn register(server: &Server, id: &str, key: &IssuerKey) {
    server.register_application(&json!({
        "client_id": id, "scope": "users:read:any", "grant_types": ["client_credentials"], "redirect_uris": [],
        "token_endpoint_auth_method": "private_key_jwt", "jwks": { "keys": [key.jwk()] },
    }));
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
