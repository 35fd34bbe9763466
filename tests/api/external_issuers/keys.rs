//! An issuer's keys: fetched, changed, withdrawn, and what of a set is not used.

use chrono::TimeDelta;
use serde_json::json;

use super::{Trust, claims, header, trusting, unknown_key, with};
use crate::support::{Engine, ForeignIssuer, IssuerKey, Reply, on_both_engines};

on_both_engines! {
    fn a_key_that_the_issuer_has_just_begun_to_use_is_fetched_while_its_user_waits(engine: Engine) {
        let trust = Trust::new(engine);
        trust.accepts(&trust.claims());
        let next = IssuerKey::new("second");
        trust.issuer.publishes(&[trust.issuer.key.jwk(), next.jwk()]);
        let token = next.sign(&header(), &trust.claims());
        trust.server.get("/users/me").bearer(&token).send().expect(200);
        trust.accepts(&trust.claims());
    }

    fn what_a_withdrawn_key_signed_is_refused_also_when_it_was_accepted_before(engine: Engine) {
        let trust = Trust::new(engine);
        let old = trust.claims();
        trust.accepts(&old);
        let next = IssuerKey::new("second");
        trust.issuer.publishes(&[next.jwk()]);
        let token = next.sign(&header(), &trust.claims());
        trust.server.get("/users/me").bearer(&token).send().expect(200);
        trust.refuses(&old);
        // Nor does another key under the same name bring it back.
        let namesake = IssuerKey::new("first");
        trust.issuer.publishes(&[namesake.jwk()]);
        trust.server.clock.advance(TimeDelta::seconds(60));
        let token = namesake.sign(&header(), &trust.claims());
        trust.server.get("/users/me").bearer(&token).send().expect(200);
        trust.refuses(&old);
    }
}

#[test]
fn a_flood_of_unknown_keys_makes_one_fetch_a_minute_and_holds_nobody_up() {
    let trust = Trust::new(Engine::Sqlite);
    trust.accepts(&trust.claims());
    let before = trust.issuer.asked();
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
    assert_eq!(trust.issuer.asked(), before + 1);
    trust.accepts(&trust.claims());
    trust.server.clock.advance(TimeDelta::seconds(59));
    trust.refuses_token(&forged(1));
    assert_eq!(trust.issuer.asked(), before + 1);
    trust.server.clock.advance(TimeDelta::seconds(1));
    trust.refuses_token(&forged(2));
    assert_eq!(trust.issuer.asked(), before + 2);
}

#[test]
fn of_a_set_only_what_can_safely_verify_is_used() {
    let trust = Trust::new(Engine::Sqlite);
    let (twin, other_twin) = (IssuerKey::new("twin"), IssuerKey::new("twin"));
    let encrypts = IssuerKey::new("encrypts");
    let secret = json!({ "kty": "oct", "kid": "secret", "alg": "HS256", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0" });
    trust.issuer.publishes(&[
        twin.jwk(),
        other_twin.jwk(),
        with(&encrypts.jwk(), "use", json!("enc")),
        secret,
        json!("no key"),
        with(&IssuerKey::new("curve").jwk(), "crv", json!("P-384")),
        trust.issuer.key.jwk(),
    ]);
    // Asks for the keys: whichever set was read at the start, this one is read now.
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
fn the_keys_are_kept_while_the_issuer_is_away() {
    let trust = Trust::new(Engine::Sqlite);
    trust.accepts(&trust.claims());
    trust.issuer.answers_for_keys(Reply::Status(500));
    trust.refuses_token(&unknown_key("new").sign(&header(), &trust.claims()));
    trust.accepts(&with(&trust.claims(), "jti", json!("never seen")));
    trust.issuer.answers_for_metadata(Reply::Status(503));
    trust.server.clock.advance(TimeDelta::seconds(60));
    trust.refuses_token(&unknown_key("newer").sign(&header(), &trust.claims()));
    trust.accepts(&with(&trust.claims(), "jti", json!("nor this")));
}

#[test]
fn a_server_starts_without_its_issuer_and_is_ready_and_finds_it_later() {
    let issuer = ForeignIssuer::start();
    issuer.answers_for_metadata(Reply::Status(503));
    let server = trusting(Engine::Sqlite, &[(&issuer, json!({ "provision": "jit" }))], &[]);
    server.get("/health/ready").send().expect(200);
    let token = issuer.key.sign(&header(), &claims(&issuer, &server));
    server.get("/users/me").bearer(&token).send().expect_problem(401, "invalid-token");
    let local = server.register("grace");
    server.get("/users/me").bearer(&local.token).send().expect(200);
    let metadata = json!({ "issuer": issuer.url, "jwks_uri": format!("{}/keys", issuer.url) });
    issuer.answers_for_metadata(Reply::Json(metadata));
    // It is asked again by itself, after a second and then after two.
    issuer.wait_until_asked(1);
    server.get("/users/me").bearer(&token).send().expect(200);
}

#[test]
fn where_the_keys_are_can_be_said_instead_of_found() {
    let issuer = ForeignIssuer::start();
    issuer.answers_for_metadata(Reply::Status(404));
    let named = json!({ "provision": "jit", "jwks_uri": format!("{}/keys", issuer.url) });
    let server = trusting(Engine::Sqlite, &[(&issuer, named)], &[]);
    let token = issuer.key.sign(&header(), &claims(&issuer, &server));
    server.get("/users/me").bearer(&token).send().expect(200);
    assert_eq!(issuer.paths().first().map(String::as_str), Some("/keys"));
}

#[test]
fn a_token_without_a_kid_is_taken_while_there_is_one_key_for_it() {
    let trust = Trust::new(Engine::Sqlite);
    trust.accepts(&trust.claims());
    let header = json!({ "typ": "at+jwt", "kid": null });
    let token = trust.issuer.key.sign(&header, &trust.claims());
    trust.server.get("/users/me").bearer(&token).send().expect(200);
    trust.issuer.publishes(&[trust.issuer.key.jwk(), IssuerKey::new("second").jwk()]);
    trust.refuses_token(&unknown_key("forged").sign(&super::header(), &trust.claims()));
    trust.refuses_token(&token);
}
