//! Access tokens: every check of the verifier (RFC 9068 §4, RFC 8725), one token each.

use serde_json::{Value, json};

use super::super::client::Answer;
use super::super::fixture::TestUser;
use super::super::trial::NO_KEY;
use super::super::{Request, VerifyError};
use super::application::Application;
use super::findings::{Checked, Findings, Stopped};
use super::run::{CheckRun, path_of};
use crate::authz::{OPENID, USERS_READ};
use crate::domain::ClientId;
use crate::token::TokenDefect;

const REFUSED: &str = "401 invalid-token";

/// A thumbprint, from RFC 7638 §3.1.
const THUMBPRINT: &str = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";

fn me(run: &CheckRun<'_>, token: &str) -> Result<Answer, VerifyError> {
    run.send(&Request::get("/users/me"), Some(token))
}

pub(super) fn defects(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let user = run.new_owner()?;
    let mut untried = false;
    // A revoked token is tried below, by a revocation.
    for defect in TokenDefect::ALL.iter().filter(|defect| **defect != TokenDefect::Revoked) {
        match run.wrong(*defect, &user)? {
            Some(token) => found.expect(
                &format!("a token with the defect {}", defect.name()),
                &me(run, &token)?,
                REFUSED,
            ),
            None => untried = true,
        }
    }
    let parts: Vec<&str> = user.token.split('.').collect();
    let [header, claims, signature] = parts.as_slice() else {
        return Err(VerifyError::new("an access token has not three parts").into());
    };
    let zeros = "A".repeat(signature.len());
    for (what, token) in [
        ("without a signature", format!("{header}.{claims}.")),
        ("with a signature of zeros", format!("{header}.{claims}.{zeros}")),
        ("of four parts", format!("{}.{signature}", user.token)),
    ] {
        found.expect(&format!("a token {what}"), &me(run, &token)?, REFUSED);
    }
    let revocation = [("token", user.token.as_str()), ("client_id", ClientId::FIRST_PARTY)];
    found.expect("a revocation", &run.form("/oauth/revoke", &revocation)?, "200");
    found.expect("a revoked token", &me(run, &user.token)?, REFUSED);
    if untried { Err(Stopped::untried(NO_KEY)) } else { Ok(()) }
}

/// Tries tokens that are good but for one claim, or one member of the header.
fn try_changes(
    run: &CheckRun<'_>,
    found: &mut Findings,
    of_header: bool,
    changes: &[(&str, Value)],
) -> Checked {
    let user = run.new_owner()?;
    let crafted = |name: &str, value: &Value| -> Result<String, Stopped> {
        let change = [(name, value.clone())];
        let (claims, header) = if of_header { (&[][..], &change[..]) } else { (&change[..], &[][..]) };
        run.crafted(&user, claims, header)?.ok_or_else(|| Stopped::untried(NO_KEY))
    };
    let good = crafted("x-unknown", &json!("ignored"))?;
    found.expect("a good token with an unknown member", &me(run, &good)?, "200");
    let long = crafted("x-unknown", &json!("x".repeat(8 * 1024)))?;
    found.expect("a good token of more than 8 KiB", &me(run, &long)?, REFUSED);
    for (name, value) in changes {
        let what = match value {
            Value::Null => format!("a token without {name}"),
            value => format!("a token with {name} {value}"),
        };
        found.expect(&what, &me(run, &crafted(name, value)?)?, REFUSED);
    }
    Ok(())
}

pub(super) fn claims(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    try_changes(
        run,
        found,
        false,
        &[
            ("exp", Value::Null),
            ("exp", json!("4102444800")),
            ("exp", json!([4_102_444_800_i64])),
            ("exp", json!(-1)),
            ("iat", Value::Null),
            ("iat", json!("0")),
            ("nbf", json!("0")),
            ("iss", Value::Null),
            ("iss", json!([run.issuer])),
            ("iss", json!(format!("{}/", run.issuer))),
            ("sub", Value::Null),
            ("sub", json!("")),
            ("aud", Value::Null),
            ("aud", json!([])),
            ("aud", json!({})),
            ("aud", json!(["https://service.invalid"])),
            ("scope", json!(["users:read"])),
            ("roles", json!("admin")),
            ("epoch", json!("1")),
            // A token that is bound to a key is not a bearer token (RFC 9449 §7.2).
            ("cnf", json!({ "jkt": THUMBPRINT })),
            ("cnf", json!({ "x5t#S256": THUMBPRINT })),
        ],
    )
}

pub(super) fn headers(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    try_changes(
        run,
        found,
        true,
        &[
            ("typ", Value::Null),
            ("typ", json!("JWT")),
            ("typ", json!("dpop+jwt")),
            ("typ", json!("logout+jwt")),
            ("crit", json!(["exp"])),
            ("crit", json!(["b64"])),
            ("crit", json!([])),
        ],
    )
}

pub(super) fn other_tokens(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let user = run.new_owner()?;
    let session = run.session(&user, Some(&format!("{OPENID} {USERS_READ}")))?;
    found.expect("a refresh token", &me(run, &session.text("refresh_token")?)?, REFUSED);
    if let Ok(id_token) = session.text("id_token") {
        found.expect("an ID token", &me(run, &id_token)?, REFUSED);
    }
    let in_query = run.send(&Request::get(format!("/users/me?access_token={}", user.token)), None)?;
    found.expect("a token in the query", &in_query, "401 unauthenticated");
    let twice = Request::get("/users/me").header("authorization", format!("Bearer {}", user.token));
    found.expect("two tokens", &run.send(&twice, Some(&user.token))?, "400 two-tokens");
    Ok(())
}

/// Change that ends a token of the user.
type End = fn(&CheckRun<'_>, &TestUser) -> Result<(), VerifyError>;

pub(super) fn ended(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let ends: [(&str, End); 6] = [
        ("its user was suspended", |run, user| run.suspend(user)),
        ("its user was deleted", |run, user| run.delete(user)),
        ("its user lost a role", |run, user| run.demote(user)),
        ("its session was ended", |run, user| {
            let session = Request::delete(format!("{}/sessions/{}", path_of(user), run.session_of(user)?));
            run.done(&session, Some(&run.everything()?)).map(drop)
        }),
        ("all sessions of its user ended", |run, user| {
            let sessions = Request::delete(format!("{}/sessions", path_of(user)));
            run.done(&sessions, Some(&run.everything()?)).map(drop)
        }),
        ("an administrator set the password", |run, user| {
            let body = json!({ "new_password": format!("{}, set", run.password) });
            let request = Request::put(format!("{}/password", path_of(user))).json(&body);
            run.done(&request, Some(&run.everything()?)).map(drop)
        }),
    ];
    for (what, end) in ends {
        let user = run.new_owner()?;
        // A verified token is cached.
        found.expect("a token", &me(run, &user.token)?, "200");
        end(run, &user)?;
        found.expect(&format!("a token after {what}"), &me(run, &user.token)?, REFUSED);
    }
    let user = run.new_owner()?;
    let other = run.log_in(&user.email, None)?;
    let body = json!({ "current_password": run.password, "new_password": format!("{}, own", run.password) });
    let request = Request::put(format!("{}/password", path_of(&user))).json(&body);
    run.done(&request, Some(&user.token))?;
    found.expect("a token of another session after a change of the password", &me(run, &other)?, REFUSED);
    let application = Application::register(run, USERS_READ.as_str())?;
    let tokens = application.tokens(&run.new_owner()?, &[])?;
    run.done(&Request::delete(format!("/clients/{}", application.client.id)), Some(&run.everything()?))?;
    found.expect("a user's token after its client was deleted", &me(run, &tokens.access)?, REFUSED);
    Ok(())
}
