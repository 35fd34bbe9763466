//! Refused claims, each beside an accepted twin.

use serde_json::{Value, json};

use super::super::InvalidToken::{self, *};
use super::{AUDIENCE, ISSUER, NOW, USER, World, claims, token, with};

fn accepts_claim(member: &str, value: impl Into<Option<Value>>) {
    let claims = with(&claims(), member, value.into());
    assert_eq!(World::new().verifier.verify(&token(&claims)).err(), None, "{claims}");
}

fn refuses_claim(member: &str, value: impl Into<Option<Value>>, reason: InvalidToken) {
    let claims = with(&claims(), member, value.into());
    let refused = World::new().verifier.verify(&token(&claims)).err();
    assert_eq!(refused, Some(reason), "{claims}");
}

#[test]
fn iss_must_be_exactly_ours() {
    accepts_claim("iss", json!(ISSUER));
    for wrong in [format!("{ISSUER}/"), format!("{ISSUER}\0"), ISSUER.to_uppercase(), "x".to_owned()] {
        refuses_claim("iss", json!(wrong), WrongIssuer);
    }
    for malformed in
        [None, Some(json!(null)), Some(json!("")), Some(json!([ISSUER])), Some(json!({})), Some(json!(1))]
    {
        refuses_claim("iss", malformed, MalformedIssuer);
    }
}

#[test]
fn aud_must_be_or_contain_exactly_ours() {
    for good in [json!(AUDIENCE), json!([AUDIENCE]), json!(["other", AUDIENCE])] {
        accepts_claim("aud", good);
    }
    for wrong in [json!(""), json!("other"), json!(["other"]), json!([format!("{AUDIENCE}/")])] {
        refuses_claim("aud", wrong, WrongAudience);
    }
    for malformed in [
        None,
        Some(json!(null)),
        Some(json!([])),
        Some(json!([AUDIENCE, 1])),
        Some(json!({})),
        Some(json!([[AUDIENCE]])),
    ] {
        refuses_claim("aud", malformed, MalformedAudience);
    }
}

#[test]
fn sub_must_be_a_user_id_or_the_client_id() {
    for malformed in
        [None, Some(json!(null)), Some(json!("")), Some(json!([USER])), Some(json!({})), Some(json!(1))]
    {
        refuses_claim("sub", malformed, MalformedSubject);
    }
    for unknown in [
        "somebody",
        "01890a5dac96774bbcceb302099a8057",
        "cloakroom ",
        "{01890a5d-ac96-774b-bcce-b302099a8057}",
    ] {
        refuses_claim("sub", json!(unknown), UnknownSubject);
    }
    accepts_claim("client_id", None);
    accepts_claim("sub", json!("cloakroom"));
    for malformed in [json!(null), json!(1), json!(["cloakroom"])] {
        refuses_claim("client_id", malformed, MalformedClientId);
    }
}

/// Returns values that are not a NumericDate.
fn no_dates() -> Vec<Value> {
    let mut values =
        vec![json!(null), json!(true), json!(""), json!([NOW]), json!({}), json!(-1), json!(i64::MIN)];
    values.push(json!((NOW + 100).to_string()));
    for number in ["1e300", "-0", "-0.5", "9223372036854775807", "9223372036854775808"] {
        values.push(serde_json::from_str(number).unwrap());
    }
    values
}

#[test]
fn exp_must_be_a_time_not_in_the_past() {
    for value in no_dates().into_iter().map(Some).chain([None]) {
        refuses_claim("exp", value, MalformedExpiry);
    }
    for good in [NOW + 1, NOW, NOW - 4, 8_000_000_000_000] {
        accepts_claim("exp", json!(good));
    }
    for passed in [NOW - 5, NOW - 6, 0] {
        refuses_claim("exp", json!(passed), Expired);
    }
}

#[test]
fn iat_must_be_a_time_not_in_the_future() {
    for value in no_dates().into_iter().map(Some).chain([None]) {
        refuses_claim("iat", value, MalformedIssueTime);
    }
    accepts_claim("iat", json!(NOW + 5));
    for future in [NOW + 6, 8_000_000_000_000] {
        refuses_claim("iat", json!(future), IssuedInTheFuture);
    }
}

#[test]
fn nbf_is_optional_and_not_in_the_future() {
    for value in no_dates() {
        refuses_claim("nbf", value, MalformedNotBefore);
    }
    for good in [NOW + 5, NOW, 0] {
        accepts_claim("nbf", json!(good));
    }
    for future in [NOW + 6, 8_000_000_000_000] {
        refuses_claim("nbf", json!(future), NotYetValid);
    }
}

#[test]
fn other_claims_are_optional_and_typed() {
    for (member, good, reason) in [
        ("scope", json!(""), MalformedScope),
        ("sid", json!(USER), MalformedSession),
        ("jti", json!("j"), MalformedTokenId),
        ("epoch", json!(7), MalformedEpoch),
        ("roles", json!(["admin", "unheard-of"]), MalformedRoles),
    ] {
        accepts_claim(member, good);
        accepts_claim(member, None);
        for wrong in [json!(null), json!(1.5), json!({}), json!([1]), json!(true)] {
            refuses_claim(member, wrong, reason);
        }
    }
    for wrong in ["", "x", "01890a5dac96774bbcceb302099a8057"] {
        refuses_claim("sid", json!(wrong), MalformedSession);
    }
    refuses_claim("scope", json!(["users:read"]), MalformedScope);
    refuses_claim("roles", json!("admin"), MalformedRoles);
    refuses_claim("epoch", json!("1"), MalformedEpoch);
}
