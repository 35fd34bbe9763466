//! The authorization code grant (RFC 6749 §4.1) with PKCE (RFC 7636), and its pages.

use serde_json::json;

use super::super::client::Answer;
use super::super::{Request, VerifyError};
use super::application::{Application, CALLBACK, VERIFIER, redemption, redirect_parameter};
use super::browser::{Browser, form_of};
use super::findings::{Checked, Findings};
use super::run::{CheckRun, scope_of};
use crate::authz::{PROFILES_READ, ROLES_WRITE, USERS_READ, USERS_READ_ANY};

const REFUSED: &str = "400 invalid_grant";

pub(super) fn scope_beyond(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let requested = format!("{USERS_READ} {USERS_READ_ANY} {PROFILES_READ} {ROLES_WRITE}");
    // The client is registered for one scope that the user's roles do not grant.
    let application = Application::register(run, &format!("{USERS_READ} {USERS_READ_ANY}"))?;
    let user = run.new_owner()?;
    let scope = scope_of(&application.tokens(&user, &[("scope", &requested)])?.answer)?;
    found.must(
        scope == [USERS_READ.as_str()],
        format!("an authorization of a user for {requested:?} gets {:?}", scope.join(" ")),
    );
    // The administrator's roles grant all of them, and the client is registered for two.
    let scope = scope_of(&application.tokens(&run.new_admin()?, &[("scope", &requested)])?.answer)?;
    found.must(
        scope == [USERS_READ.as_str(), USERS_READ_ANY.as_str()],
        format!("an authorization of an administrator for {requested:?} gets {:?}", scope.join(" ")),
    );
    Ok(())
}

pub(super) fn redirect_uri(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let application = Application::register(run, USERS_READ.as_str())?;
    let (user, browser) = (run.new_owner()?, Browser::new(run));
    application.sign_in(&browser, &user, &[])?;
    for wrong in [
        "https://evil.verify.example.com/callback".to_owned(),
        format!("{CALLBACK}/more"),
        format!("{CALLBACK}?more=1"),
        CALLBACK.replacen("app.", "app.verify.example.com@", 1),
    ] {
        let answer = browser.open(&application.authorize(&[("redirect_uri", &wrong)]))?;
        let is_refused = answer.status == 400 && answer.header("location").is_none();
        found.must(
            is_refused,
            format!("the redirect URI {wrong} gets {}; the rule says 400", answer.summary()),
        );
    }
    Ok(())
}

/// Returns the error that the client is told by a redirect.
fn told(answer: &Answer) -> String {
    let error = redirect_parameter(answer, "error");
    error.unwrap_or_else(|| format!("{} and no error", answer.summary()))
}

pub(super) fn pkce(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let application = Application::register(run, USERS_READ.as_str())?;
    let (user, browser) = (run.new_owner()?, Browser::new(run));
    application.sign_in(&browser, &user, &[])?;
    for (what, changes) in [
        ("without a challenge", [("code_challenge", ""), ("code_challenge_method", "")]),
        ("with the method plain", [("code_challenge", VERIFIER), ("code_challenge_method", "plain")]),
        ("without a method", [("code_challenge", VERIFIER), ("code_challenge_method", "")]),
    ] {
        let error = told(&browser.open(&application.authorize(&changes))?);
        found.must(error == "invalid_request", format!("an authorization {what} gets {error}"));
    }
    for (what, verifier) in
        [("without a verifier", ""), ("with another verifier", &VERIFIER.replace('a', "b"))]
    {
        let answer = application.redeem(&application.code(&user, &[])?, &[("code_verifier", verifier)])?;
        found.expect(&format!("a code {what}"), &answer, REFUSED);
    }
    Ok(())
}

pub(super) fn bound_code(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let (own, other) =
        (Application::register(run, USERS_READ.as_str())?, Application::register(run, USERS_READ.as_str())?);
    let user = run.new_owner()?;
    let answer = other.redeem(&own.code(&user, &[])?, &[])?;
    found.expect("a code of another client", &answer, REFUSED);
    let elsewhere = [("redirect_uri", "https://app.verify.example.com/other")];
    let answer = own.redeem(&own.code(&user, &[])?, &elsewhere)?;
    found.expect("a code with another redirect URI", &answer, REFUSED);
    let code = own.code(&user, &[])?;
    let by_id = [redemption(&code, &[]), vec![("client_id", own.client.id.as_str())]].concat();
    let answer = run.form("/oauth/token", &by_id)?;
    found.expect("a code without the client's secret", &answer, "401 invalid_client");
    Ok(())
}

pub(super) fn used_code(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let application = Application::register(run, USERS_READ.as_str())?;
    let code = application.code(&run.new_owner()?, &[])?;
    let first = application.redeem(&code, &[])?;
    found.expect("a code", &first, "200");
    found.expect("a used code", &application.redeem(&code, &[])?, REFUSED);
    let is_ended = !run.is_accepted(&first.text("access_token")?)?;
    found.must(is_ended, "the token of a code that was used twice is accepted");
    Ok(())
}

pub(super) fn consent(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let application = Application::register(run, USERS_READ.as_str())?;
    let (user, browser) = (run.new_owner()?, Browser::new(run));
    let page = application.sign_in(&browser, &user, &[])?;
    let has_code = |answer: &Answer| redirect_parameter(answer, "code").is_some();
    found.must(page.status == 200 && !has_code(&page), "a client gets a code without the user's consent");
    if page.status != 200 {
        return Ok(());
    }
    let denied = told(&browser.submit(&page, &[("choice", "deny")])?);
    found.must(denied == "access_denied", format!("a denied consent gets {denied}"));
    let silent = told(&browser.open(&application.authorize(&[("prompt", "none")]))?);
    found.must(silent == "consent_required", format!("prompt=none without consent gets {silent}"));
    let stranger = told(&Browser::new(run).open(&application.authorize(&[("prompt", "none")]))?);
    found.must(stranger == "login_required", format!("prompt=none without a sign-in gets {stranger}"));
    Ok(())
}

pub(super) fn first_party(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let own = Application::register(run, USERS_READ.as_str())?;
    let others = Application::register(run, &format!("{USERS_READ} {USERS_READ_ANY}"))?;
    let everything = run.everything()?;
    let mark = |application: &Application<'_>| {
        let path = format!("/clients/{}", application.client.id);
        run.send(&Request::patch(path, &json!({ "first_party": true })), Some(&everything))
    };
    found.expect("a first-party client with scopes over other users", &mark(&others)?, "422 invalid-body");
    found.expect("a first-party client", &mark(&own)?, "200");
    let answer = own.sign_in(&Browser::new(run), &run.new_owner()?, &[])?;
    let has_code = redirect_parameter(&answer, "code").is_some();
    found.must(has_code, format!("a first-party client asks for consent: {}", answer.summary()));
    Ok(())
}

pub(super) fn prompted(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let application = Application::register(run, USERS_READ.as_str())?;
    let browser = Browser::new(run);
    application.sign_in(&browser, &run.new_owner()?, &[])?;
    let page = browser.open(&application.authorize(&[("prompt", "login")]))?;
    let asks = page.body.contains("type=\"password\"");
    found.must(
        asks,
        format!("an authorization with prompt=login gets {} and no sign-in page", page.summary()),
    );
    Ok(())
}

pub(super) fn foreign_form(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let application = Application::register(run, USERS_READ.as_str())?;
    let (user, browser, other) = (run.new_owner()?, Browser::new(run), Browser::new(run));
    let page = application.sign_in(&browser, &user, &[])?;
    other.open(&application.authorize(&[]))?;
    let consent = || -> Result<_, VerifyError> { form_of(&page) };
    let allow = [("choice", "allow")];
    let evil = browser.send_form(&consent()?, &allow, "https://evil.verify.example.com")?;
    let elsewhere = other.send_form(&consent()?, &allow, &other.origin())?;
    let mut bare = consent()?;
    bare.fields.retain(|(name, _)| name != "form_token");
    let without = browser.send_form(&bare, &allow, &browser.origin())?;
    for (what, answer) in
        [("from another origin", evil), ("in another browser", elsewhere), ("without its token", without)]
    {
        let is_refused = answer.status == 403 && answer.header("location").is_none();
        found.must(is_refused, format!("a form {what} gets {}; the rule says 403", answer.summary()));
    }
    Ok(())
}
