//! Misbehaving issuers: the server ignores invalid answers and waits for a limited time.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{Trust, header, trusting, unknown_key};
use crate::support::{Engine, ForeignIssuer, IssuerKey, Reply};

/// Accepts a token of a known key. Then the issuer publishes another key with `reply`. Returns the token of
/// that key if it is accepted, and the duration.
fn after(reply: impl FnOnce(&Value) -> Reply) -> (Trust, String, Duration) {
    let trust = Trust::new(Engine::Sqlite);
    trust.accepts(&trust.claims());
    let next = IssuerKey::new("second");
    trust.issuer.set_keys_reply(reply(&json!({ "keys": [trust.issuer.key.jwk(), next.jwk()] })));
    let token = next.sign(&header(), &trust.claims());
    let began = Instant::now();
    let answer = trust.server.get("/users/me").bearer(&token).send();
    let took = began.elapsed();
    if answer.status == 200 {
        return (trust, token, took);
    }
    answer.expect_problem(401, "invalid-token");
    // The known key stays valid.
    trust.accepts(&trust.claims());
    (trust, String::new(), took)
}

#[test]
fn key_set_is_limited_to_256_kib() {
    let fits = |set: &Value, more: usize| 256 * 1024 - set.to_string().len() + more;
    assert_ne!(after(|set| Reply::Padded(set.clone(), fits(set, 0))).1, "");
    assert_eq!(after(|set| Reply::Padded(set.clone(), fits(set, 1))).1, "");
    assert_eq!(after(|set| Reply::Padded(set.clone(), 10_000_000)).1, "");
}

#[test]
fn slow_key_set_delays_a_request_for_two_seconds() {
    let (trust, accepted, took) = after(|_| Reply::Drips);
    assert_eq!(accepted, "");
    assert!(took < Duration::from_secs(4), "{took:?}");
    // Some requests can wait during the slow answer; readiness does not depend on it.
    trust.server.get("/health/ready").send().expect(200);
    trust.accepts(&trust.claims());
}

#[test]
fn follows_no_redirect() {
    let elsewhere = ForeignIssuer::start();
    let to = format!("{}/keys", elsewhere.url);
    assert_eq!(after(|_| Reply::Redirect(to)).1, "");
    assert_eq!(elsewhere.paths(), [""; 0]);
}

#[test]
fn ignores_an_invalid_key_set() {
    for reply in [
        Reply::Json(json!({ "keys": "none" })),
        Reply::Json(json!([])),
        Reply::Json(json!({})),
        Reply::Status(204),
        Reply::Status(404),
    ] {
        assert_eq!(after(|_| reply).1, "");
    }
    let many = |set: &Value| {
        let key = &set["keys"][1];
        let others = (0..100).map(|_| IssuerKey::new("other").jwk());
        Reply::Json(json!({ "keys": others.chain([key.clone()]).collect::<Vec<_>>() }))
    };
    assert_eq!(after(many).1, "");
}

#[test]
fn refuses_metadata_of_another_issuer_or_plain_http() {
    let other = ForeignIssuer::start();
    let issuer = ForeignIssuer::start();
    let keys = format!("{}/keys", issuer.url);
    for metadata in [
        json!({ "issuer": other.url, "jwks_uri": keys }),
        json!({ "issuer": format!("{}/", issuer.url), "jwks_uri": keys }),
        json!({ "jwks_uri": keys }),
        json!({ "issuer": issuer.url }),
        json!({ "issuer": issuer.url, "jwks_uri": "http://id.example.org/keys" }),
        json!({ "issuer": issuer.url, "jwks_uri": "file:///etc/passwd" }),
        json!({ "issuer": issuer.url, "jwks_uri": 7 }),
    ] {
        issuer.set_metadata_reply(Reply::Json(metadata.clone()));
        let server = trusting(Engine::Sqlite, &[(&issuer, json!({ "provision": "jit" }))], &[]);
        let token = issuer.key.sign(&header(), &super::claims(&issuer, &server));
        server.get("/users/me").bearer(&token).send().expect_problem(401, "invalid-token");
        assert_eq!(issuer.key_requests(), 0, "{metadata}");
    }
    assert_eq!(other.paths(), [""; 0]);
}

#[test]
fn empty_key_set_withdraws_all_keys() {
    let trust = Trust::new(Engine::Sqlite);
    trust.accepts(&trust.claims());
    trust.issuer.publish(&[]);
    trust.refuses_token(&unknown_key("forged").sign(&header(), &trust.claims()));
    trust.refuses(&trust.claims());
    trust.issuer.publish(&[trust.issuer.key.jwk()]);
    trust.server.clock.advance(TimeDelta::seconds(60));
    trust.accepts(&trust.claims());
}
