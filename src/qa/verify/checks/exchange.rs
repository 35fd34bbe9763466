//! Refresh (RFC 6749 §6), revocation (RFC 7009) and introspection (RFC 7662), across clients.

use serde_json::{Value, json};

use super::super::Request;
use super::application::{Application, Tokens};
use super::findings::{Checked, Findings};
use super::run::{CheckRun, path_of, scope_of};
use crate::authz::{PROFILES_READ, USERS_READ, USERS_READ_ANY};
use crate::domain::ClientId;

const REFUSED: &str = "400 invalid_grant";

pub(super) fn foreign_refresh(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let (own, other) =
        (Application::register(run, USERS_READ.as_str())?, Application::register(run, USERS_READ.as_str())?);
    let user = run.new_owner()?;
    let tokens = own.tokens(&user, &[])?;
    found.expect("a refresh token of another client", &other.refresh(&tokens.refresh, None)?, REFUSED);
    let first_party = run.session(&user, None)?.text("refresh_token")?;
    found.expect("a refresh token of this server's own client", &other.refresh(&first_party, None)?, REFUSED);
    let by_id = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens.refresh.as_str()),
        ("client_id", ClientId::FIRST_PARTY),
    ];
    found.expect(
        "a client's refresh token by this server's own client",
        &run.form("/oauth/token", &by_id)?,
        REFUSED,
    );
    found.expect("the refresh token after that", &own.refresh(&tokens.refresh, None)?, "200");
    Ok(())
}

pub(super) fn reused_refresh(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let application = Application::register(run, USERS_READ.as_str())?;
    let first = application.tokens(&run.new_owner()?, &[])?;
    let second = Tokens::of(application.refresh(&first.refresh, None)?)?;
    let third = Tokens::of(application.refresh(&second.refresh, None)?)?;
    // The second exchange proves that the answer to the first one arrived: the first token is stolen.
    found.expect("a used refresh token", &application.refresh(&first.refresh, None)?, REFUSED);
    found.expect("the last refresh token after that", &application.refresh(&third.refresh, None)?, REFUSED);
    found.must(!run.is_accepted(&third.access)?, "the session of a reused refresh token goes on");
    Ok(())
}

pub(super) fn refreshed_scope(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let application = Application::register(run, &format!("{USERS_READ} {PROFILES_READ}"))?;
    let tokens = application.tokens(&run.new_admin()?, &[("scope", USERS_READ.as_str())])?;
    let more = format!("{USERS_READ} {PROFILES_READ} {USERS_READ_ANY}");
    let scope = scope_of(&application.refresh(&tokens.refresh, Some(&more))?)?;
    found.must(scope == [USERS_READ.as_str()], format!("a refresh for {more:?} gets {:?}", scope.join(" ")));
    Ok(())
}

pub(super) fn refresh_of_changed_user(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let application = Application::register(run, &format!("{USERS_READ} {USERS_READ_ANY}"))?;
    let admin = run.new_admin()?;
    let tokens = application.tokens(&admin, &[])?;
    let roles = Request::put(format!("{}/roles", path_of(&admin))).json(&json!({ "roles": ["user"] }));
    run.done(&roles, Some(&run.everything()?))?;
    let answer = application.refresh(&tokens.refresh, None)?;
    // The session may have ended; if it goes on, the lost scope is gone.
    if answer.is_success() {
        let scope = scope_of(&answer)?;
        found.must(
            scope == [USERS_READ.as_str()],
            format!("a demoted user's refresh gets {:?}", scope.join(" ")),
        );
    }
    let user = run.new_owner()?;
    let tokens = application.tokens(&user, &[])?;
    run.suspend(&user)?;
    found.expect("a suspended user's refresh", &application.refresh(&tokens.refresh, None)?, REFUSED);
    Ok(())
}

pub(super) fn foreign_revocation(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let (own, other) =
        (Application::register(run, USERS_READ.as_str())?, Application::register(run, USERS_READ.as_str())?);
    let tokens = own.tokens(&run.new_owner()?, &[])?;
    let revoke =
        |by: &Application<'_>, token: &str| run.form_of(&by.client, "/oauth/revoke", &[("token", token)]);
    for token in [&tokens.access, &tokens.refresh] {
        found.expect("a revocation by another client", &revoke(&other, token)?, "200");
    }
    found.must(run.is_accepted(&tokens.access)?, "another client revokes an access token");
    let next = own.refresh(&tokens.refresh, None)?;
    found.expect("a refresh token that another client tried to revoke", &next, "200");
    if !next.is_success() {
        return Ok(());
    }
    let next = Tokens::of(next)?;
    revoke(&own, &tokens.access)?;
    found.must(!run.is_accepted(&tokens.access)?, "a revoked access token is accepted");
    found.must(run.is_accepted(&next.access)?, "the revocation of one access token ends another");
    revoke(&own, &next.refresh)?;
    found.expect("a revoked refresh token", &own.refresh(&next.refresh, None)?, REFUSED);
    found.must(!run.is_accepted(&next.access)?, "the revocation of a refresh token leaves its session");
    Ok(())
}

pub(super) fn foreign_introspection(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let (own, other) =
        (Application::register(run, USERS_READ.as_str())?, Application::register(run, USERS_READ.as_str())?);
    let tokens = own.tokens(&run.new_owner()?, &[])?;
    let nothing = json!({ "active": false });
    for (what, token) in [("an access token", &tokens.access), ("a refresh token", &tokens.refresh)] {
        let ask = |by: &Application<'_>| run.form_of(&by.client, "/oauth/introspect", &[("token", token)]);
        let foreign = ask(&other)?.json();
        found.must(foreign == nothing, format!("a foreign client learns of {what}: {foreign}"));
        let is_active = ask(&own)?.json().get("active") == Some(&Value::Bool(true));
        found.must(is_active, format!("a client learns that {what} of its own is not active"));
    }
    let by_id = [("token", tokens.access.as_str()), ("client_id", ClientId::FIRST_PARTY)];
    let answer = run.form("/oauth/introspect", &by_id)?;
    found.expect("an introspection by a public client", &answer, "401 invalid_client");
    Ok(())
}
