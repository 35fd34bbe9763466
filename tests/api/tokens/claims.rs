//! Invalid claims, each beside a valid counterpart.

use serde_json::{Value, json};

use super::Mint;
use crate::support::Engine;

const UNKNOWN_USER_ID: &str = "01890000-0000-7000-8000-000000000000";

/// Values that are not a token time.
fn no_times(now: i64) -> Vec<Value> {
    let mut values = vec![
        json!(null),
        json!(true),
        json!(""),
        json!((now + 100).to_string()),
        json!([now]),
        json!({}),
        json!(-1),
    ];
    for number in ["1e300", "-1e300", "-0.5", "253402300799.5", "9223372036854775808", "9223372036854775807"]
    {
        values.push(serde_json::from_str(number).unwrap());
    }
    values
}

#[test]
fn refuses_a_time_that_is_no_numeric_date() {
    let mint = Mint::new(Engine::Sqlite);
    mint.accepts(&mint.token(&mint.claims()));
    mint.accepts_claim("nbf", json!(mint.now()));
    for claim in ["exp", "iat", "nbf"] {
        for value in no_times(mint.now()) {
            mint.refuses_claim(claim, value);
        }
    }
    mint.refuses_claim("exp", None);
    mint.refuses_claim("iat", None);
}

#[test]
fn accepts_a_time_within_the_leeway_only() {
    let mint = Mint::new(Engine::Sqlite);
    for claim in ["iat", "nbf"] {
        mint.accepts_claim(claim, json!(mint.now() + 5));
        mint.refuses_claim(claim, json!(mint.now() + 6));
        mint.refuses_claim(claim, json!(8_000_000_000_000_i64));
    }
    mint.accepts_claim("exp", json!(mint.now() - 4));
    mint.refuses_claim("exp", json!(mint.now() - 5));
    mint.refuses_claim("exp", json!(0));
}

#[test]
fn issuer_must_match_exactly() {
    let mint = Mint::new(Engine::Sqlite);
    let ours = &mint.server.url;
    for value in [
        json!(null),
        json!(""),
        json!([ours]),
        json!({ "iss": ours }),
        json!(1),
        json!("https://other.example.org"),
    ] {
        mint.refuses_claim("iss", value);
    }
    for value in [format!("{ours}/"), format!(" {ours}"), ours.to_uppercase(), format!("{ours}\0")] {
        mint.refuses_claim("iss", json!(value));
    }
    mint.refuses_claim("iss", None);
}

#[test]
fn audience_must_include_ours() {
    let mint = Mint::new(Engine::Sqlite);
    let ours = &mint.server.url;
    for value in [json!(ours), json!([ours]), json!(["https://other.example.org", ours])] {
        mint.accepts_claim("aud", value);
    }
    let wrong = [
        json!(null),
        json!(""),
        json!([]),
        json!([[ours]]),
        json!([ours, 1]),
        json!({ "aud": ours }),
        json!(1),
    ];
    for value in wrong {
        mint.refuses_claim("aud", value);
    }
    for value in
        [json!("https://other.example.org"), json!(["https://other.example.org"]), json!(format!("{ours}/"))]
    {
        mint.refuses_claim("aud", value);
    }
    mint.refuses_claim("aud", None);
}

#[test]
fn subject_is_a_user_or_the_client() {
    let mint = Mint::new(Engine::Sqlite);
    let own = &mint.ada.id;
    for value in [json!(null), json!(""), json!([own]), json!({ "sub": own }), json!(1)] {
        mint.refuses_claim("sub", value);
    }
    for value in [
        "ada",
        "ada@example.com",
        "Frontend",
        UNKNOWN_USER_ID,
        &own.replace('-', ""),
        &format!("{{{own}}}"),
        &format!("{own} "),
    ] {
        mint.refuses_claim("sub", json!(value));
    }
    mint.refuses_claim("sub", None);
}

#[test]
fn refuses_other_claims_of_wrong_type() {
    let mint = Mint::new(Engine::Sqlite);
    for claim in ["scope", "client_id", "jti", "sid", "epoch", "client_epoch", "roles"] {
        for value in [json!(null), json!(true), json!(1.5), json!({}), json!([1])] {
            mint.refuses_claim(claim, value);
        }
    }
    mint.refuses_claim("scope", json!(["users:read"]));
    mint.refuses_claim("roles", json!("admin"));
    mint.refuses_claim("sid", json!("x"));
    for claim in ["client_id", "jti"] {
        mint.accepts_claim(claim, None);
    }
}

#[test]
fn token_without_scope_is_valid_and_allows_nothing() {
    let mint = Mint::new(Engine::Sqlite);
    for scope in [None, Some(json!("")), Some(json!("users:read:ANY nonsense"))] {
        let token = mint.token(&super::with(&mint.claims(), "scope", scope));
        mint.server.get("/users/me").bearer(&token).send().expect_problem(403, "insufficient-scope");
    }
}
