//! Effects beyond the request: it changes nothing of the records, sessions and tokens of others.

use serde_json::json;

use super::super::fixture::TestUser;
use super::super::{Request, VerifyError};
use super::application::Application;
use super::findings::{Checked, Findings};
use super::run::{CheckRun, path_of};
use crate::authz::USERS_READ;

pub(super) fn sessions(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let (user, other) = (run.new_owner()?, run.new_owner()?);
    let second = run.log_in(&user.email, None)?;
    run.log_out(&second)?;
    found.must(!run.is_accepted(&second)?, "a token is accepted after its logout");
    found.must(run.is_accepted(&user.token)?, "a logout ends another session of the user");
    run.done(&Request::delete(format!("{}/sessions", path_of(&user))), Some(&user.token))?;
    found.must(!run.is_accepted(&user.token)?, "a token is accepted after all sessions of its user ended");
    found.must(run.is_accepted(&other.token)?, "the end of all sessions of a user ends those of another");
    let (one, two) =
        (Application::register(run, USERS_READ.as_str())?, Application::register(run, USERS_READ.as_str())?);
    let (of_one, of_two) = (one.tokens(&other, &[])?, two.tokens(&other, &[])?);
    let withdrawal = Request::delete(format!("{}/grants/{}", path_of(&other), one.client.id));
    run.done(&withdrawal, Some(&other.token))?;
    found.must(!run.is_accepted(&of_one.access)?, "a token is accepted after its consent was withdrawn");
    found.must(run.is_accepted(&of_two.access)?, "a withdrawn consent ends the session of another client");
    Ok(())
}

/// Returns everything that a caller with every scope reads of a user.
fn state(run: &CheckRun<'_>, user: &TestUser) -> Result<String, VerifyError> {
    let path = path_of(user);
    let parts =
        [path.clone(), format!("{path}/profile"), format!("{path}/sessions"), format!("{path}/grants")];
    parts.iter().try_fold(String::new(), |state, part| Ok(state + &run.record(part)?.to_string()))
}

pub(super) fn accounts(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let (user, other) = (run.new_owner()?, run.new_owner()?);
    let before = state(run, &other)?;
    let path = path_of(&user);
    let own_password =
        json!({ "current_password": run.password, "new_password": format!("{}, new", run.password) });
    let changes = [
        Request::patch(&path, &json!({ "email": run.new_address() })),
        Request::put(format!("{path}/profile")).json(&json!({ "name": "Ada" })),
        Request::put(format!("{path}/password")).json(&own_password),
    ];
    for change in &changes {
        run.done(change, Some(&user.token))?;
    }
    for change in [
        Request::put(format!("{path}/roles")).json(&json!({ "roles": [] })),
        Request::put(format!("{path}/status")).json(&json!({ "status": "suspended" })),
        Request::delete(&path),
    ] {
        run.done(&change, Some(&run.everything()?))?;
    }
    found.must(state(run, &other)? == before, "a change of one account changes another");
    found.must(run.is_accepted(&other.token)?, "a change of one account ends the tokens of another");
    found.expect(
        "the login of another user after that",
        &run.log_in_as(&other.email, &run.password, None)?,
        "200",
    );
    Ok(())
}

pub(super) fn refused(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let (user, attacker) = (run.new_owner()?, run.new_owner()?);
    let before = state(run, &user)?;
    let path = path_of(&user);
    let session = run.session_of(&user)?;
    for attempt in [
        Request::patch(&path, &json!({ "email": run.new_address() })),
        Request::put(format!("{path}/profile")).json(&json!({ "name": "Eve" })),
        Request::put(format!("{path}/password"))
            .json(&json!({ "new_password": format!("{}, stolen", run.password) })),
        Request::put(format!("{path}/roles")).json(&json!({ "roles": [] })),
        Request::put(format!("{path}/status")).json(&json!({ "status": "suspended" })),
        Request::delete(format!("{path}/sessions/{session}")),
        Request::delete(format!("{path}/sessions")),
        Request::delete(&path),
    ] {
        let answer = run.send(&attempt, Some(&attacker.token))?;
        found.must(
            answer.status == 403,
            format!("{} as another user gets {}", attempt.asked(), answer.summary()),
        );
    }
    found.must(state(run, &user)? == before, "a refused request changes the account or its sessions");
    found.must(run.is_accepted(&user.token)?, "a refused request ends a token of the owner");
    found.expect(
        "the login of the owner after that",
        &run.log_in_as(&user.email, &run.password, None)?,
        "200",
    );
    Ok(())
}
