//! A key verifies only tokens of its own issuer.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::{Trust, claims, header, trusting, with};
use crate::support::{Engine, ForeignIssuer, on_both_engines};

on_both_engines! {
    fn key_of_one_issuer_never_verifies_anothers_token(engine: Engine) {
        let (one, two) = (ForeignIssuer::start(), ForeignIssuer::start());
        let jit = json!({ "provision": "jit" });
        let server = trusting(engine, &[(&one, jit.clone()), (&two, jit)], &[]);
        let ask = |token: &str| server.get("/users/me").bearer(token).send();
        // Both have a key with the same `kid`.
        for (issuer, other) in [(&one, &two), (&two, &one)] {
            ask(&issuer.key.sign(&header(), &claims(issuer, &server))).expect(200);
            ask(&issuer.key.sign(&header(), &claims(other, &server))).expect_problem(401, "invalid-token");
        }
        // The same holds between an external issuer and this server, in both directions.
        let ours = server.register("grace");
        let (mut head, own) = crate::support::decoded(&ours.token);
        head.as_object_mut().unwrap().remove("alg");
        ask(&one.key.sign(&head, &own)).expect_problem(401, "invalid-token");
        ask(&one.key.sign(&header(), &own)).expect_problem(401, "invalid-token");
        let claimed = with(&own, "iss", json!(one.url));
        ask(&one.key.sign(&header(), &claimed)).expect(200);
        assert_ne!(ask(&one.key.sign(&header(), &claimed)).json()["id"], json!(ours.id));
    }
}

#[test]
fn issuer_is_compared_exactly() {
    let trust = Trust::new(Engine::Sqlite);
    trust.accepts(&trust.claims());
    let url = trust.issuer.url.clone();
    for other in [
        format!("{url}/"),
        url.to_uppercase(),
        format!(" {url}"),
        url.replace("http", "https"),
        "https://id.example.org".to_owned(),
        String::new(),
    ] {
        trust.refuses(&with(&trust.claims(), "iss", json!(other)));
    }
}

#[test]
fn each_issuer_has_own_audience_and_algorithms() {
    let (one, two) = (ForeignIssuer::start(), ForeignIssuer::start());
    let server = trusting(
        Engine::Sqlite,
        &[
            (&one, json!({ "provision": "jit", "audience": "one" })),
            (&two, json!({ "provision": "jit", "algorithms": ["RS256", "EdDSA"] })),
        ],
        &[],
    );
    let ask = |issuer: &ForeignIssuer, audience: &str| {
        let claims = with(&claims(issuer, &server), "aud", json!(audience));
        server.get("/users/me").bearer(&issuer.key.sign(&header(), &claims)).send()
    };
    ask(&one, "one").expect(200);
    ask(&one, super::AUDIENCE).expect_problem(401, "invalid-token");
    // This issuer is not trusted with ES256, so its ES256 key is not used.
    ask(&two, super::AUDIENCE).expect_problem(401, "invalid-token");
}

#[test]
fn refuses_a_mac_under_the_public_key_and_unsigned_tokens() {
    let trust = Trust::new(Engine::Sqlite);
    trust.accepts(&trust.claims());
    let (jwk, claims) = (trust.issuer.key.jwk(), trust.claims().to_string());
    let number = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    let point = [&[4], &number("x")[..], &number("y")].concat();
    let set = json!({ "keys": [jwk] }).to_string();
    let secrets = [point[1..].to_vec(), point, number("x"), jwk.to_string().into(), set.into(), Vec::new()];
    for secret in secrets {
        for kid in [json!("first"), json!("hs256"), Value::Null] {
            for alg in ["HS256", "ES256"] {
                let header = json!({ "typ": "at+jwt", "alg": alg, "kid": kid });
                let header = with(&header, "kid", Some(kid.clone()).filter(|kid| !kid.is_null()));
                let secret = EncodingKey::from_secret(&secret);
                let sign = super::super::tokens::sign;
                trust.refuses_token(&sign(&secret, Algorithm::HS256, &header.to_string(), &claims));
            }
        }
    }
    let encoded = |text: &str| URL_SAFE_NO_PAD.encode(text);
    for alg in ["none", "None", "NONE", "nOnE", "", "ES384", "es256"] {
        let header = json!({ "typ": "at+jwt", "alg": alg, "kid": "first" }).to_string();
        for signature in ["", "AA"] {
            trust.refuses_token(&format!("{}.{}.{signature}", encoded(&header), encoded(&claims)));
        }
    }
}

#[test]
fn signature_covers_header_and_claims() {
    let trust = Trust::new(Engine::Sqlite);
    let good = trust.token(&trust.claims());
    let parts: Vec<&str> = good.split('.').collect();
    for (name, value) in [
        ("sub", json!("grace")),
        ("scope", json!("users:read:any")),
        ("exp", json!(4_000_000_000_i64)),
        ("client_id", json!("ada")),
        ("email_verified", json!(true)),
    ] {
        let claims = URL_SAFE_NO_PAD.encode(with(&trust.claims(), name, value).to_string());
        trust.refuses_token(&format!("{}.{claims}.{}", parts[0], parts[2]));
    }
    trust.server.get("/users/me").bearer(&good).send().expect(200);
}
