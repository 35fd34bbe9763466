//! A key vouches for its own issuer and for nobody else.

use serde_json::json;

use super::{Trust, claims, header, trusting, with};
use crate::support::{Engine, ForeignIssuer, on_both_engines};

on_both_engines! {
    fn a_key_of_one_issuer_never_verifies_anothers_token(engine: Engine) {
        let (one, two) = (ForeignIssuer::start(), ForeignIssuer::start());
        let jit = json!({ "provision": "jit" });
        let server = trusting(engine, &[(&one, jit.clone()), (&two, jit)], &[]);
        let ask = |token: &str| server.get("/users/me").bearer(token).send();
        // Both have a key of the same name.
        for (issuer, other) in [(&one, &two), (&two, &one)] {
            ask(&issuer.key.sign(&header(), &claims(issuer, &server))).expect(200);
            ask(&issuer.key.sign(&header(), &claims(other, &server))).expect_problem(401, "invalid-token");
        }
        // Nor ours, in either direction.
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
fn an_issuer_is_named_letter_by_letter() {
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
fn each_issuer_has_its_own_audience_and_algorithms() {
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
    // It is not trusted with ES256, so its key for it is none.
    ask(&two, super::AUDIENCE).expect_problem(401, "invalid-token");
}
