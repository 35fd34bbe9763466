//! Keys of an issuer: fetched, rotated, withdrawn, and ignored.

use chrono::TimeDelta;
use serde_json::json;

use super::settings::faults;
use super::{Trust, claims, header, trusting, unknown_key, with};
use crate::support::{Engine, ForeignIssuer, IssuerKey, Reply, on_both_engines};

on_both_engines! {
    fn new_key_is_fetched_during_the_request(engine: Engine) {
        let trust = Trust::new(engine);
        trust.accepts(&trust.claims());
        let next = IssuerKey::new("second");
        trust.issuer.publish(&[trust.issuer.key.jwk(), next.jwk()]);
        let token = next.sign(&header(), &trust.claims());
        trust.server.get("/users/me").bearer(&token).send().expect(200);
        trust.accepts(&trust.claims());
    }

    fn keys_come_over_http_where_the_operator_permits_it(engine: Engine) {
        let Some(issuer) = ForeignIssuer::start_at_host_name() else {
            eprintln!("skipped: this machine has no name without dots that leads to itself");
            return;
        };
        let without = json!([{ "issuer": issuer.url }]).to_string();
        let faults = faults(&[("CLOAKROOM_TRUSTED_ISSUERS", &without)]);
        assert!(faults.contains("\"allow_http\": true"), "{faults}");
        let members = json!({ "provision": "jit", "allow_http": true });
        let trust = Trust { server: trusting(engine, &[(&issuer, members.clone())], &[]), issuer };
        trust.accepts(&trust.claims());
        assert_eq!(trust.issuer.paths(), ["/.well-known/openid-configuration", "/keys"]);
        // The metadata of a host of the network cannot lead to this machine or to a public host.
        for keys in ["http://127.0.0.1:9/keys", "http://8.8.8.8/keys", "http://169.254.169.254/keys", "http://keys.example.org/"] {
            let metadata = json!({ "issuer": trust.issuer.url, "jwks_uri": keys });
            trust.issuer.set_metadata_reply(Reply::Json(metadata));
            let requests = trust.issuer.key_requests();
            let server = trusting(engine, &[(&trust.issuer, members.clone())], &[]);
            let token = trust.token(&trust.claims());
            server.get("/users/me").bearer(&token).send().expect_problem(401, "invalid-token");
            assert_eq!(trust.issuer.key_requests(), requests, "{keys}");
        }
    }

    fn refuses_tokens_of_a_withdrawn_key(engine: Engine) {
        let trust = Trust::new(engine);
        let old = trust.claims();
        trust.accepts(&old);
        let next = IssuerKey::new("second");
        trust.issuer.publish(&[next.jwk()]);
        let token = next.sign(&header(), &trust.claims());
        trust.server.get("/users/me").bearer(&token).send().expect(200);
        trust.refuses(&old);
        // Another key with the same `kid` does not make the token valid again.
        let namesake = IssuerKey::new("first");
        trust.issuer.publish(&[namesake.jwk()]);
        trust.server.clock.advance(TimeDelta::seconds(60));
        let token = namesake.sign(&header(), &trust.claims());
        trust.server.get("/users/me").bearer(&token).send().expect(200);
        trust.refuses(&old);
    }
}

#[test]
fn flood_of_unknown_keys_fetches_once_a_minute() {
    let issuer = ForeignIssuer::start();
    // With the limits, the server delays forged tokens: `limits.rs` tests that.
    let limits = [("CLOAKROOM_RATE_LIMITS", "off")];
    let server = trusting(Engine::Sqlite, &[(&issuer, json!({ "provision": "jit" }))], &limits);
    let trust = Trust { issuer, server };
    trust.accepts(&trust.claims());
    let before = trust.issuer.key_requests();
    let forged = |number: usize| unknown_key(&format!("forged-{number}")).sign(&header(), &trust.claims());
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (forged, trust) = (&forged, &trust);
            scope.spawn(move || {
                for number in 0..50 {
                    trust.refuses_token(&forged(thread * 1_000 + number));
                }
            });
        }
    });
    assert_eq!(trust.issuer.key_requests(), before + 1);
    trust.accepts(&trust.claims());
    trust.server.clock.advance(TimeDelta::seconds(59));
    trust.refuses_token(&forged(1));
    assert_eq!(trust.issuer.key_requests(), before + 1);
    trust.server.clock.advance(TimeDelta::seconds(1));
    trust.refuses_token(&forged(2));
    assert_eq!(trust.issuer.key_requests(), before + 2);
}

#[test]
fn uses_only_safe_keys_of_a_set() {
    let trust = Trust::new(Engine::Sqlite);
    let (twin, other_twin) = (IssuerKey::new("twin"), IssuerKey::new("twin"));
    let encrypts = IssuerKey::new("encrypts");
    let secret = json!({ "kty": "oct", "kid": "secret", "alg": "HS256", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0" });
    trust.issuer.publish(&[
        twin.jwk(),
        other_twin.jwk(),
        with(&encrypts.jwk(), "use", json!("enc")),
        secret,
        json!("no key"),
        with(&IssuerKey::new("curve").jwk(), "crv", json!("P-384")),
        trust.issuer.key.jwk(),
    ]);
    // Forces a fetch: the set read at the start may be another one.
    trust.refuses_token(&unknown_key("forged").sign(&header(), &trust.claims()));
    trust.accepts(&trust.claims());
    for key in [&twin, &other_twin, &encrypts] {
        trust.refuses_token(&key.sign(&header(), &trust.claims()));
    }
    let claims = trust.claims().to_string();
    let hmac = super::super::tokens::sign(
        &jsonwebtoken::EncodingKey::from_secret(b"secretsecretsecretsecretsecret"),
        jsonwebtoken::Algorithm::HS256,
        &json!({ "typ": "at+jwt", "alg": "HS256", "kid": "secret" }).to_string(),
        &claims,
    );
    trust.refuses_token(&hmac);
}

#[test]
fn keys_stay_valid_while_the_issuer_is_down() {
    let trust = Trust::new(Engine::Sqlite);
    trust.accepts(&trust.claims());
    trust.issuer.set_keys_reply(Reply::Status(500));
    trust.refuses_token(&unknown_key("new").sign(&header(), &trust.claims()));
    trust.accepts(&with(&trust.claims(), "jti", json!("never seen")));
    trust.issuer.set_metadata_reply(Reply::Status(503));
    trust.server.clock.advance(TimeDelta::seconds(60));
    trust.refuses_token(&unknown_key("newer").sign(&header(), &trust.claims()));
    trust.accepts(&with(&trust.claims(), "jti", json!("nor this")));
}

#[test]
fn starts_without_its_issuer_and_fetches_keys_later() {
    let issuer = ForeignIssuer::start();
    issuer.set_metadata_reply(Reply::Status(503));
    let server = trusting(Engine::Sqlite, &[(&issuer, json!({ "provision": "jit" }))], &[]);
    server.get("/health/ready").send().expect(200);
    let token = issuer.key.sign(&header(), &claims(&issuer, &server));
    server.get("/users/me").bearer(&token).send().expect_problem(401, "invalid-token");
    let local = server.register("grace");
    server.get("/users/me").bearer(&local.token).send().expect(200);
    let metadata = json!({ "issuer": issuer.url, "jwks_uri": format!("{}/keys", issuer.url) });
    issuer.set_metadata_reply(Reply::Json(metadata));
    // The server retries on its own, after one second and then after two.
    issuer.wait_for_key_requests(1);
    server.get("/users/me").bearer(&token).send().expect(200);
}

#[test]
fn jwks_uri_can_be_configured() {
    let issuer = ForeignIssuer::start();
    issuer.set_metadata_reply(Reply::Status(404));
    let named = json!({ "provision": "jit", "jwks_uri": format!("{}/keys", issuer.url) });
    let server = trusting(Engine::Sqlite, &[(&issuer, named)], &[]);
    let token = issuer.key.sign(&header(), &claims(&issuer, &server));
    server.get("/users/me").bearer(&token).send().expect(200);
    assert_eq!(issuer.paths().first().map(String::as_str), Some("/keys"));
}

#[test]
fn token_without_a_kid_needs_exactly_one_key() {
    let trust = Trust::new(Engine::Sqlite);
    trust.accepts(&trust.claims());
    let header = json!({ "typ": "at+jwt", "kid": null });
    let token = trust.issuer.key.sign(&header, &trust.claims());
    trust.server.get("/users/me").bearer(&token).send().expect(200);
    trust.issuer.publish(&[trust.issuer.key.jwk(), IssuerKey::new("second").jwk()]);
    trust.refuses_token(&unknown_key("forged").sign(&super::header(), &trust.claims()));
    trust.refuses_token(&token);
}
