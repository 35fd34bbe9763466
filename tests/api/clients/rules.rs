//! Rules of a client registration, each broken rule reported.

use std::time::{Duration, Instant};

use super::*;

fn jwk() -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" })
}

fn codes(answer: Answer) -> Vec<(String, String)> {
    let mut rules = answer.expect_problem(422, "invalid-body").broken_rules();
    rules.sort();
    rules
}

fn pairs(rules: &[(&str, &str)]) -> Vec<(String, String)> {
    rules.iter().map(|(pointer, code)| ((*pointer).to_owned(), (*code).to_owned())).collect()
}

on_both_engines! {
    fn reports_every_broken_rule_at_once(server) {
        let admin = server.admin();
        let broken = |body: Value| codes(register(&server, &admin.token, &body));
        assert_eq!(broken(json!({})), pairs(&[("/scope", "required")]));
        assert_eq!(
            broken(json!({
                "client_id": "a b", "client_name": "", "scope": "users:raed", "grant_types": ["password"],
                "token_endpoint_auth_method": "tls_client_auth", "redirect_uris": ["http://app.example.org/cb", 7],
                "jwks": {}, "dpop_bound_access_tokens": "yes", "logo_uri": "https://x.example", "client_secret": "s",
                "created_at": "2026-01-01T00:00:00Z", "_actions": {},
            })),
            pairs(&[
                ("/_actions", "read-only"), ("/client_id", "invalid-id"), ("/client_name", "empty"), ("/client_secret", "read-only"),
                ("/created_at", "read-only"), ("/dpop_bound_access_tokens", "wrong-type"), ("/grant_types/0", "unknown-grant-type"),
                ("/jwks", "not-a-jwk-set"), ("/logo_uri", "unknown"), ("/redirect_uris/0", "invalid-uri"),
                ("/redirect_uris/1", "wrong-type"), ("/scope", "unknown-scope"), ("/token_endpoint_auth_method", "unknown-method"),
            ])
        );
        assert_eq!(
            broken(json!({
                "scope": "users:read", "token_endpoint_auth_method": "none", "jwks": { "keys": [jwk()] },
                "grant_types": ["client_credentials", "refresh_token"],
            })),
            pairs(&[("/grant_types", "public-client"), ("/grant_types", "refresh-without-code"), ("/jwks", "unused")])
        );
        assert_eq!(
            broken(json!({ "grant_types": ["authorization_code"], "token_endpoint_auth_method": "private_key_jwt" })),
            pairs(&[("/jwks", "required"), ("/redirect_uris", "required"), ("/scope", "required")])
        );
        assert_eq!(broken(json!({ "scope": "users:read", "grant_types": [] })), pairs(&[("/grant_types", "empty")]));
        for blank in [" ", "\u{200b}", "\u{3164}", "\u{2800}", "\u{ad}\u{feff}", "\u{301}"] {
            assert_eq!(broken(json!({ "scope": "users:read", "client_name": blank })), pairs(&[("/client_name", "invisible")]), "{blank:?}");
        }
        for resource in ["https:example.com", "https:/example.com", "https:\\\\example.com", "https://example.com#a", "https://", "a b", ""] {
            let client = json!({ "scope": "users:read", "grant_types": ["client_credentials"], "resources": [resource] });
            assert_eq!(broken(client), pairs(&[("/resources/0", "invalid-resource")]), "{resource}");
        }
        let native = json!({ "scope": "users:read", "redirect_uris": ["org.example.app:/cb"] });
        assert_eq!(broken(native), pairs(&[("/redirect_uris", "public-clients-only")]));
        let trusted = |changes: Value| {
            let mut body = json!({ "scope": "openid", "redirect_uris": ["https://a.example/cb"], "first_party": true });
            changes.as_object().unwrap().iter().for_each(|(name, value)| body[name] = value.clone());
            broken(body)
        };
        for scope in ["openid users:read:any", "roles:write", "openid users:create"] {
            assert_eq!(trusted(json!({ "scope": scope })), pairs(&[("/scope", "first-party")]), "{scope}");
        }
        let app = json!({ "redirect_uris": ["https://a.example/cb", "org.example.app:/cb"], "token_endpoint_auth_method": "none" });
        assert_eq!(trusted(app), pairs(&[("/redirect_uris", "first-party")]));
        assert_eq!(trusted(json!({ "redirect_uris": [] })), pairs(&[("/first_party", "unused")]));
        assert_eq!(trusted(json!({ "first_party": null })), pairs(&[("/first_party", "wrong-type")]));
        for id in ["", "a/b", "cloakroom", "ä", "\u{0}", "01890a5d-ac96-774b-bcce-b302099a8057", &"a".repeat(65)] {
            assert_eq!(broken(json!({ "client_id": id, "scope": "users:read" })), pairs(&[("/client_id", "invalid-id")]), "{id}");
        }
        let clients = server.get("/clients").bearer(&admin.token).send().json();
        assert_eq!(clients["items"].as_array().unwrap().len(), 1, "only the server's own client: {clients}");
    }

    fn patch_obeys_the_same_rules(server) {
        let admin = server.admin();
        let body = json!({ "client_id": "shop", "scope": "openid", "redirect_uris": ["https://shop.example.org/cb"] });
        register(&server, &admin.token, &body).expect(201);
        let before = server.get("/clients/shop").bearer(&admin.token).send();
        let patch = |body: Value| server.patch("/clients/shop").bearer(&admin.token).if_match(before.etag()).json(&body).send();
        for (body, rules) in [
            (json!({ "client_id": "other" }), &[("/client_id", "read-only")][..]),
            (json!({ "client_secrets": [] }), &[("/client_secrets", "read-only")]),
            (json!({ "scope": null }), &[("/scope", "required")]),
            (json!({ "scope": "" }), &[("/scope", "unknown-scope")]),
            (json!({ "redirect_uris": [] }), &[("/redirect_uris", "required")]),
            (json!({ "redirect_uris": null }), &[("/redirect_uris", "wrong-type")]),
            (json!({ "grant_types": ["refresh_token"] }), &[("/grant_types", "refresh-without-code")]),
            (json!({ "grant_types": ["client_credentials"], "token_endpoint_auth_method": "none" }), &[("/grant_types", "public-client")]),
            (json!({ "jwks": { "keys": [jwk()] } }), &[("/jwks", "unused")]),
            (json!({ "first_party": true, "scope": "users:read:any" }), &[("/scope", "first-party")]),
            (json!({ "surprise": 1, "client_name": "x" }), &[("/surprise", "unknown")]),
        ] {
            assert_eq!(codes(patch(body.clone())), pairs(rules), "{body}");
        }
        assert_eq!(server.get("/clients/shop").bearer(&admin.token).send().body, before.body);
        patch(json!({ "grant_types": ["client_credentials"], "redirect_uris": [] })).expect(200);
    }

    fn client_has_keys_or_a_secret(server) {
        let admin = server.admin();
        let keys = |keys: Value| {
            json!({ "client_id": "signer", "scope": "users:read", "token_endpoint_auth_method": "private_key_jwt", "jwks": { "keys": keys } })
        };
        let mut private = jwk();
        private["d"] = json!("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A");
        for unfit in [json!([]), json!([private]), json!([{ "kty": "oct", "k": "AAAA" }]), json!([jwk(), jwk()]), json!(vec![jwk(); 17])] {
            let refused = register(&server, &admin.token, &keys(unfit)).expect_problem(422, "invalid-body");
            assert_eq!(refused.broken_rules()[0].0, "/jwks");
            assert!(!refused.body.contains("nWGxne"), "{refused:?}");
        }
        let made = register(&server, &admin.token, &keys(json!([jwk()]))).expect(201).json();
        assert_eq!((made.get("client_secret"), &made["client_secrets"], &made["jwks"]), (None, &json!([]), &json!({ "keys": [jwk()] })));
        let refused = server.post("/clients/signer/secret").bearer(&admin.token).send().expect_problem(409, "conflict");
        assert!(refused.body.contains("private_key_jwt has no secret"));

        let body = json!({ "client_id": "reports", "scope": "users:read:any" });
        let secret = secret_of(&register(&server, &admin.token, &body).expect(201));
        let change = |body: Value| {
            let tag = etag(&server, &admin.token, "reports");
            server.patch("/clients/reports").bearer(&admin.token).if_match(&tag).json(&body).send().expect(200).json()
        };
        ask_token(&server, "reports", &secret).expect(200);
        change(json!({ "token_endpoint_auth_method": "client_secret_post" }));
        let posted = [("grant_type", "client_credentials"), ("client_id", "reports"), ("client_secret", secret.as_str())];
        server.post("/oauth/token").form(&posted).send().expect(200);
        change(json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": { "keys": [jwk()] } }));
        ask_token(&server, "reports", &secret).expect(401);
        let back = change(json!({ "token_endpoint_auth_method": "client_secret_basic", "jwks": null }));
        assert_eq!(back["client_secrets"], json!([]));
        ask_token(&server, "reports", &secret).expect(401);
        let first = server.post("/clients/reports/secret").bearer(&admin.token).send().expect(200);
        ask_token(&server, "reports", &secret_of(&first)).expect(200);
    }

    fn public_clients_have_no_secret(server) {
        let admin = server.admin();
        let body = json!({
            "client_id": "app", "scope": "openid", "token_endpoint_auth_method": "none",
            "redirect_uris": ["org.example.app:/cb", "http://127.0.0.1/cb"],
        });
        let made = register(&server, &admin.token, &body).expect(201).json();
        assert_eq!((made.get("client_secret"), &made["client_secrets"]), (None, &json!([])));
        server.post("/clients/app/secret").bearer(&admin.token).send().expect_problem(409, "conflict");
    }

    fn stores_a_name_unchanged_or_refuses_it(server) {
        let admin = server.admin();
        for (id, name) in [("a", "'; DROP TABLE clients; --"), ("b", "Größe 試験 👩‍👩‍👧"), ("c", "\u{202e}%_\\\"<script>"), ("d", &"ß".repeat(200))] {
            let body = json!({ "client_id": id, "client_name": name, "scope": "users:read" });
            register(&server, &admin.token, &body).expect(201);
            let read = server.get(&format!("/clients/{id}")).bearer(&admin.token).send().expect(200);
            assert_eq!(read.json()["client_name"], name);
        }
        for (name, code) in [("a\u{0}b", "control-character"), ("a\nb", "control-character"), (&"ß".repeat(201), "too-long")] {
            let body = json!({ "client_name": name, "scope": "users:read" });
            assert_eq!(codes(register(&server, &admin.token, &body)), pairs(&[("/client_name", code)]));
        }
        let surrogate = r#"{ "client_name": "\ud800", "scope": "users:read" }"#;
        server.post("/clients").bearer(&admin.token).body("application/json", surrogate).send().expect_problem(400, "malformed-body");
        for path in ["/clients/%00", "/clients/..%2fusers", "/clients/' OR 1=1", "/clients/cloakroom", &format!("/clients/{}", admin.id)] {
            server.get(&path.replace(' ', "%20")).bearer(&admin.token).send().expect_problem(404, "not-found");
        }
    }

    fn refuses_ten_thousand_scopes_and_uris_quickly(server) {
        let admin = server.admin();
        let began = Instant::now();
        let unknown = json!({ "scope": "a ".repeat(10_000).trim_end() });
        let refused = register(&server, &admin.token, &unknown);
        assert!(refused.body.len() < 2_000, "{refused:?}");
        assert_eq!(codes(refused), pairs(&[("/scope", "unknown-scope")]));
        let repeated = json!({ "scope": "users:read ".repeat(5_000).trim_end() });
        assert_eq!(register(&server, &admin.token, &repeated).expect(201).json()["scope"], "users:read");
        let uris: Vec<String> = (0..1_000).map(|number| format!("https://app.example.org/{number}")).collect();
        let many = json!({ "scope": "openid", "redirect_uris": uris });
        assert_eq!(codes(register(&server, &admin.token, &many)), pairs(&[("/redirect_uris", "too-many")]));
        register(&server, &admin.token, &json!({ "scope": "users:read ".repeat(10_000) })).expect_problem(413, "body-too-large");
        assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    }
}
