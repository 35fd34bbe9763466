//! The rules that refuse our own tokens hold for external tokens too.

use serde_json::{Value, json};

use super::{AUDIENCE, Trust, claims, header, trusting, with};
use crate::support::{Engine, ForeignIssuer, on_both_engines};

on_both_engines! {
    fn external_claims_follow_our_rules(engine: Engine) {
        let trust = Trust::new(engine);
        let now = trust.server.clock.now().timestamp();
        trust.accepts(&trust.claims());
        let no_dates = [json!(null), json!(true), json!(now.to_string()), json!(1e300), json!(-1), json!([now])];
        for name in ["exp", "iat", "nbf"] {
            for wrong in &no_dates {
                trust.refuses(&with(&trust.claims(), name, wrong.clone()));
            }
        }
        for name in ["iss", "sub", "aud", "exp", "iat", "client_id"] {
            trust.refuses(&with(&trust.claims(), name, None));
        }
        for (name, wrong) in [
            ("exp", json!(now - 5)), ("iat", json!(now + 6)), ("nbf", json!(now + 6)),
            ("aud", json!("https://api.example.com")), ("aud", json!([])), ("aud", json!([AUDIENCE, 1])),
            ("sub", json!("")), ("sub", json!(["ada"])), ("sub", json!("a".repeat(256))), ("sub", json!("a\u{0}da")),
            ("sub", json!("a\nda")), ("iss", json!([trust.issuer.url])), ("client_id", json!("")), ("jti", json!(7)),
            ("cnf", json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" })),
        ] {
            trust.refuses(&with(&trust.claims(), name, wrong));
        }
        for (name, good) in [
            ("aud", json!(["other", AUDIENCE])), ("exp", json!(now - 4)), ("iat", json!(now + 5)), ("nbf", json!(now)),
            ("sub", json!("a".repeat(255))), ("sub", json!("'; DROP TABLE users; --")), ("sub", json!("äöü %_")),
        ] {
            trust.accepts(&with(&trust.claims(), name, good));
        }
    }

    fn times_with_a_fraction_are_exact(engine: Engine) {
        let trust = Trust::new(engine);
        let now = trust.server.clock.now().timestamp_millis() as f64 / 1000.0;
        for (name, good, wrong) in [("exp", -4.5, -5.5), ("iat", 4.5, 5.5), ("nbf", 4.5, 5.5)] {
            trust.accepts(&with(&trust.claims(), name, json!(now + good)));
            trust.refuses(&with(&trust.claims(), name, json!(now + wrong)));
        }
        for wrong in [json!(-0.5), json!(253_402_300_799.5), json!(1.8e300)] {
            trust.refuses(&with(&trust.claims(), "exp", wrong));
        }
    }

    fn issuer_without_typ_needs_an_access_token_by_claims(engine: Engine) {
        let trust = Trust::with(engine, &json!({ "provision": "jit", "typ": "none" }));
        let send = |header: Value, claims: &Value| {
            let token = trust.issuer.key.sign(&header, claims);
            trust.server.get("/users/me").bearer(&token).send()
        };
        send(json!({}), &trust.claims()).expect(200);
        send(header(), &trust.claims()).expect(200);
        for typ in ["JWT", "dpop+jwt", "logout+jwt", ""] {
            send(json!({ "typ": typ }), &trust.claims()).expect_problem(401, "invalid-token");
        }
        send(json!({}), &with(&trust.claims(), "token_use", json!("access"))).expect(200);
        for (name, value) in [
            ("nonce", json!("n")), ("at_hash", json!("h")), ("c_hash", json!("h")), ("events", json!({})),
            ("token_use", json!("id")), ("token_use", Value::Null), ("typ", json!("ID")),
            ("client_id", json!(AUDIENCE)), ("aud", json!("web-shop")),
        ] {
            send(json!({}), &with(&trust.claims(), name, value)).expect_problem(401, "invalid-token");
        }
        for name in ["scope", "client_id", "aud"] {
            send(json!({}), &with(&trust.claims(), name, None)).expect_problem(401, "invalid-token");
        }
        // Other issuers still have to write `at+jwt`.
        let strict = Trust::new(engine);
        strict.refuses_token(&strict.issuer.key.sign(&json!({}), &strict.claims()));
    }

    fn client_names_the_audience_where_the_operator_says_so(engine: Engine) {
        let members = json!({
            "provision": "jit", "typ": "none", "audience_claim": "client_id", "audience": ["web-shop", "app"],
        });
        let trust = Trust::with(engine, &members);
        let claims = with(&with(&trust.claims(), "aud", None), "token_use", json!("access"));
        let send = |claims: &Value| {
            let token = trust.issuer.key.sign(&json!({}), claims);
            trust.server.get("/users/me").bearer(&token).send()
        };
        send(&claims).expect(200);
        send(&with(&claims, "client_id", json!("app"))).expect(200);
        send(&with(&claims, "aud", json!(AUDIENCE))).expect(200);
        for (name, value) in [
            ("client_id", json!("other")), ("aud", json!("web-shop")), ("aud", json!([])), ("token_use", json!("id")),
            ("aud", Value::Null),
        ] {
            send(&with(&claims, name, value)).expect_problem(401, "invalid-token");
        }
        for name in ["token_use", "client_id"] {
            send(&with(&claims, name, None)).expect_problem(401, "invalid-token");
        }
    }

    fn accepted_token_expires(engine: Engine) {
        let trust = Trust::new(engine);
        let claims = trust.claims();
        trust.accepts(&claims);
        trust.server.clock.advance(chrono::TimeDelta::seconds(604));
        trust.accepts(&claims);
        trust.server.clock.advance(chrono::TimeDelta::seconds(1));
        trust.refuses(&claims);
    }
}

#[test]
fn external_headers_follow_our_rules() {
    let trust = Trust::new(Engine::Sqlite);
    let sign = |header: Value| trust.issuer.key.sign(&header, &trust.claims());
    for wrong in [
        json!({}),
        json!({ "typ": "JWT" }),
        json!({ "typ": "at+jwt", "crit": ["exp"] }),
        json!({ "typ": "at+jwt", "kid": 1 }),
        json!({ "typ": "at+jwt", "kid": "../../etc/passwd" }),
    ] {
        trust.refuses_token(&sign(wrong));
    }
    trust.server.get("/users/me").bearer(&sign(json!({ "typ": "application/at+jwt" }))).send().expect(200);
    // Keys in the header are ignored, and URLs in it are not fetched.
    let stranger = ForeignIssuer::start();
    let brought = json!({
        "typ": "at+jwt", "kid": "first", "jwk": stranger.key.jwk(), "jku": format!("{}/keys", stranger.url),
        "x5u": format!("{}/keys", stranger.url),
    });
    trust.refuses_token(&stranger.key.sign(&brought, &trust.claims()));
    assert_eq!(stranger.paths(), [""; 0]);
    let token = trust.token(&trust.claims());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    for form in [
        signed.to_owned(),
        format!("{signed}."),
        format!("{token}.{signature}"),
        format!("{signed}.{}", "A".repeat(86)),
        format!("{signed}.{}", "A".repeat(9_000)),
        format!("{token}="),
    ] {
        trust.refuses_token(&form);
    }
}

#[test]
fn refuses_an_id_token_with_an_access_token_header() {
    let issuer = ForeignIssuer::start();
    let members = json!({ "typ": "JWT", "provision": "jit", "client_id_claim": "azp" });
    let server = trusting(Engine::Sqlite, &[(&issuer, members)], &[]);
    let trust = Trust { issuer, server };
    let good =
        with(&with(&claims(&trust.issuer, &trust.server), "client_id", None), "azp", json!("web-shop"));
    let sign = |claims: &Value| trust.issuer.key.sign(&json!({ "typ": "JWT" }), claims);
    trust.server.get("/users/me").bearer(&sign(&good)).send().expect(200);
    trust.server.get("/users/me").bearer(&sign(&with(&good, "typ", json!("Bearer")))).send().expect(200);
    trust.server.get("/users/me").bearer(&trust.issuer.key.sign(&header(), &good)).send().expect(200);
    for (name, value) in [
        ("nonce", json!("n")),
        ("at_hash", json!("h")),
        ("c_hash", json!("h")),
        ("events", json!({})),
        ("typ", json!("ID")),
        ("typ", json!("Refresh")),
        ("azp", json!(AUDIENCE)),
        ("azp", Value::Null),
    ] {
        trust.refuses_token(&sign(&with(&good, name, value)));
    }
    trust.refuses_token(&sign(&with(&good, "azp", None)));
    trust.refuses_token(&trust.issuer.key.sign(&json!({}), &good));
}
