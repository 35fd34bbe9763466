//! Cookie of a browser session: it counts from a page of the server's own origin, beside no token, for own records.

use serde_json::json;

use super::super::{Request, VerifyError};
use super::findings::{Checked, Findings};
use super::run::CheckRun;
use crate::domain::Role;

const REFUSED: &str = "403 foreign-origin";

/// Origin of a page that is not the server's own.
const FOREIGN: &str = "https://evil.example";

pub(super) fn own_page(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let user = run.new_owner()?;
    let cookie = run.cookie_of(&user)?;
    let read = || Request::get("/users/me").header("cookie", cookie.as_str());
    let change = || Request::patch("/users/me/profile", &json!({})).header("cookie", cookie.as_str());
    let send = |request: Request| run.send(&request, None);
    found.expect(
        "a read of the own page",
        &send(run.on_own_page(Request::get("/users/me"), &cookie))?,
        "200",
    );
    found.expect("a read without an origin", &send(read())?, "200");
    found.expect("a change without an origin", &send(change())?, REFUSED);
    for (name, value) in [
        ("origin", FOREIGN),
        ("origin", "null"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", "cross-site"),
    ] {
        let what = format!("with {name}: {value}");
        found.expect(&format!("a read {what}"), &send(read().header(name, value))?, REFUSED);
        found.expect(&format!("a change {what}"), &send(change().header(name, value))?, REFUSED);
    }
    let form = json!({ "email": user.email, "password": run.password, "cookie": true });
    let foreign = send(Request::post("/sessions").json(&form).header("origin", FOREIGN))?;
    found.expect("a login of a foreign page", &foreign, REFUSED);
    found.must(foreign.header("set-cookie").is_none(), "a foreign page gets the cookie of a session");
    Ok(())
}

pub(super) fn beside_a_token(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let (user, other) = (run.new_owner()?, run.new_owner()?);
    let cookie = run.cookie_of(&user)?;
    let request = || run.on_own_page(Request::get("/users/me"), &cookie);
    let bad = run.send(&request(), Some("not-a-token"))?;
    found.expect("a cookie beside a bad token", &bad, "401 invalid-token");
    let both = run.send(&request(), Some(&other.token))?;
    found.must(both.text("id")? == other.id, "the cookie beside a token names the caller");
    let [name, value] = [cookie.split('=').next(), cookie.split('=').nth(1)].map(Option::unwrap_or_default);
    let twice = Request::get("/users/me").header("cookie", format!("{name}=x; {name}={value}"));
    found.expect("two cookies", &run.send(&twice, None)?, "400 two-tokens");
    Ok(())
}

pub(super) fn own_records(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let (admin, user) = (run.new_user(&[Role::ADMIN, Role::USER])?, run.new_owner()?);
    let cookie = run.cookie_of(&admin)?;
    let send =
        |request: Request| -> Result<_, VerifyError> { run.send(&run.on_own_page(request, &cookie), None) };
    found.expect("a list of users by a cookie", &send(Request::get("/users"))?, "403 insufficient-scope");
    let path = format!("/users/{}", user.id);
    found.expect("another account by a cookie", &send(Request::get(path.as_str()))?, "403 not-owner");
    found.expect("a deletion by a cookie", &send(Request::delete(path))?, "403 not-owner");
    Ok(())
}

pub(super) fn ended(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let (out, suspended) = (run.new_owner()?, run.new_owner()?);
    let (first, second) = (run.cookie_of(&out)?, run.cookie_of(&suspended)?);
    let me = |cookie: &str| run.send(&run.on_own_page(Request::get("/users/me"), cookie), None);
    found.expect("a session of a browser", &me(&first)?, "200");
    let signed_out = run.send(&run.on_own_page(Request::delete("/sessions/current"), &first), None)?;
    found.expect("a sign-out", &signed_out, "204");
    found.expect("a cookie after the sign-out", &me(&first)?, "401 unauthenticated");
    found.expect("a session of a browser", &me(&second)?, "200");
    run.suspend(&suspended)?;
    found.expect("a cookie after a suspension", &me(&second)?, "401 unauthenticated");
    Ok(())
}
