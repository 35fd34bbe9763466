//! Login with e-mail and password, at `POST /sessions` and on the sign-in page.

use serde_json::json;

use super::super::Request;
use super::application::Application;
use super::browser::Browser;
use super::findings::{Checked, Findings};
use super::run::{CheckRun, path_of, scope_of};
use crate::authz::{ROLES_WRITE, USERS_READ, USERS_READ_ANY};

const REFUSED: &str = "401 invalid-credentials";

pub(super) fn wrong_password(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let user = run.new_owner()?;
    let unknown = run.log_in_as(&run.new_address(), &run.password, None)?;
    found.expect("a login with an unknown address", &unknown, REFUSED);
    let wrong = [
        ("another password", "a password of nobody at all".to_owned()),
        ("a longer password", format!("{}x", run.password)),
        ("the beginning of the password", run.password.chars().skip(1).collect()),
    ];
    for (index, (what, password)) in wrong.iter().enumerate() {
        let answer = run.log_in_as(&user.email, password, None)?;
        found.expect(&format!("a login with {what}"), &answer, REFUSED);
        let is_same = index > 0 || answer.content() == unknown.content();
        found.must(is_same, "a login tells a wrong password from an unknown address");
    }
    Ok(())
}

pub(super) fn inactive_user(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let (suspended, deleted) = (run.new_owner()?, run.new_owner()?);
    run.suspend(&suspended)?;
    run.delete(&deleted)?;
    for (what, user) in [("a suspended user", &suspended), ("a deleted user", &deleted)] {
        found.expect(
            &format!("a login of {what}"),
            &run.log_in_as(&user.email, &run.password, None)?,
            REFUSED,
        );
    }
    Ok(())
}

pub(super) fn scope_beyond_roles(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let user = run.new_owner()?;
    let more = format!("{USERS_READ} {USERS_READ_ANY} {ROLES_WRITE}");
    let scope = scope_of(&run.session(&user, Some(&more))?)?;
    found.must(scope == [USERS_READ.as_str()], format!("a login for {more:?} gets {:?}", scope.join(" ")));
    let beyond = run.log_in_as(&user.email, &run.password, Some(USERS_READ_ANY.as_str()))?;
    found.expect("a login for a scope beyond the roles", &beyond, "400 invalid-scope");
    let all = scope_of(&run.session(&user, None)?)?;
    let own = run.own_scopes();
    let is_own = |name: &String| own.iter().any(|scope| scope.as_str() == name);
    found.must(all.iter().all(is_own), format!("a login without a scope gets {:?}", all.join(" ")));
    Ok(())
}

pub(super) fn old_password(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let user = run.new_owner()?;
    let new = format!("{}, changed", run.password);
    let change = json!({ "current_password": run.password, "new_password": new });
    let request = Request::put(format!("{}/password", path_of(&user))).json(&change);
    run.done(&request, Some(&user.token))?;
    found.expect("a login with the old password", &run.log_in_as(&user.email, &run.password, None)?, REFUSED);
    found.expect("a login with the new password", &run.log_in_as(&user.email, &new, None)?, "200");
    Ok(())
}

pub(super) fn sign_in_page(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let application = Application::register(run, USERS_READ.as_str())?;
    let (active, suspended) = (run.new_owner()?, run.new_owner()?);
    run.suspend(&suspended)?;
    for (what, user, password) in [
        ("a wrong password", &active, "a password of nobody at all"),
        ("a suspended user", &suspended, run.password.as_str()),
    ] {
        let browser = Browser::new(run);
        let page = browser.open(&application.authorize(&[]))?;
        let fields = [("email", user.email.as_str()), ("password", password), ("choice", "log-in")];
        found.expect(&format!("a sign-in with {what}"), &browser.submit(&page, &fields)?, "403");
        found.must(!browser.is_signed_in(), format!("{what} begins a session in the browser"));
    }
    Ok(())
}
