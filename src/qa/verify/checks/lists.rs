//! Lists, and records below a record.

use serde_json::Value;

use super::super::client::Answer;
use super::super::fixture::TestUser;
use super::super::invariants::private_list;
use super::super::records::{NO_ROUTE, NoRecord};
use super::super::{Request, VerifyError};
use super::application::Application;
use super::findings::{Checked, Findings};
use super::run::{CheckRun, path_of};
use crate::authz::USERS_READ;
use crate::authz::matrix::CallerKind;

/// Returns a member of each item of a list.
fn each<'a>(list: &'a Value, member: &str) -> Vec<&'a str> {
    let items = list.get("items").and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| item.get(member).and_then(Value::as_str)).collect()
}

/// Returns a list below a user, as that user sees it.
fn own_list(run: &CheckRun<'_>, user: &TestUser, list: &str) -> Result<Value, VerifyError> {
    let request = Request::get(format!("{}/{list}", path_of(user)));
    Ok(run.done(&request, Some(&user.token))?.json())
}

pub(super) fn below_a_record(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let people = [run.new_owner()?, run.new_owner()?];
    let mut clients = Vec::new();
    for user in &people {
        let application = Application::register(run, USERS_READ.as_str())?;
        application.tokens(user, &[])?;
        clients.push(application.client.id);
    }
    for (index, user) in people.iter().enumerate() {
        let other = people.get(1 - index).unwrap_or(user);
        let session = run.session_of(other)?;
        let sessions = own_list(run, user, "sessions")?;
        let ids = each(&sessions, "id");
        let is_own = !ids.is_empty() && !ids.contains(&session.as_str());
        found.must(is_own, format!("a user's list of sessions has {} items, not only the user's", ids.len()));
        let grants = own_list(run, user, "grants")?;
        let granted = each(&grants, "client_id");
        let own = clients.get(index).map(String::as_str).into_iter().collect::<Vec<_>>();
        found.must(
            granted == own,
            format!("a user's list of grants has {} items, not only the user's", granted.len()),
        );
        let audit = own_list(run, user, "audit")?;
        let owners = each(&audit, "owner");
        let is_own = !owners.is_empty() && owners.iter().all(|owner| *owner == user.id);
        found.must(is_own, "a user's audit trail has events of another user's records, or none");
        for list in ["sessions", "grants", "audit"] {
            let path = format!("{}/{list}", path_of(other));
            let answer = run.send(&Request::get(&path), Some(&user.token))?;
            found.expect(&format!("another user's list of {list}"), &answer, "403 not-owner");
        }
    }
    Ok(())
}

pub(super) fn foreign_parent(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let (user, other) = (run.new_owner()?, run.new_owner()?);
    let session = run.session_of(&other)?;
    let application = Application::register(run, USERS_READ.as_str())?;
    let tokens = application.tokens(&other, &[])?;
    for record in [format!("sessions/{session}"), format!("grants/{}", application.client.id)] {
        let path = format!("{}/{record}", path_of(&user));
        let (kind, _) = record.split_once('/').unwrap_or_default();
        for (what, token) in [("the user", user.token.clone()), ("an administrator", run.everything()?)] {
            let answer = run.send(&Request::delete(&path), Some(&token))?;
            found.expect(&format!("the end of another user's {kind} by {what}"), &answer, "404 not-found");
        }
    }
    let goes_on = run.is_accepted(&other.token)? && run.is_accepted(&tokens.access)?;
    found.must(goes_on, "a session ends through the path of another user");
    Ok(())
}

pub(super) fn foreign_cursor(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let (user, other) = (run.new_owner()?, run.new_owner()?);
    run.log_in(&user.email, None)?;
    run.log_in(&other.email, None)?;
    let sessions = |of: &TestUser, query: &str| {
        run.send(&Request::get(format!("{}/sessions?limit=1{query}", path_of(of))), Some(&of.token))
    };
    let cursor = sessions(&user, "")?.text("next")?;
    found.expect("the next page of a list", &sessions(&user, &format!("&cursor={cursor}"))?, "200");
    const REFUSED: &str = "400 invalid-cursor";
    let foreign = sessions(&other, &format!("&cursor={cursor}"))?;
    found.expect("the cursor of another user's list", &foreign, REFUSED);
    let audit = Request::get(format!("{}/audit?cursor={cursor}", path_of(&user)));
    found.expect("the cursor of another list", &run.send(&audit, Some(&user.token))?, REFUSED);
    let changed: String = cursor.chars().rev().collect();
    found.expect("a changed cursor", &sessions(&user, &format!("&cursor={changed}"))?, REFUSED);
    Ok(())
}

pub(super) fn two_owners(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    for endpoint in run.endpoints {
        let Some(rule) = private_list(endpoint) else { continue };
        if run.refusal(endpoint, CallerKind::Owner).is_some() {
            continue;
        }
        let people = [run.new_owner()?, run.new_owner()?];
        let mut ids = Vec::new();
        for user in &people {
            match run.make(rule, user) {
                Ok(id) => ids.push(id),
                // Lists of cloakroom below a user are looked at by a check of their own.
                Err(NoRecord::NotMade(why)) if why == NO_ROUTE => break,
                Err(NoRecord::NotMade(why)) => {
                    found.leave_out(&endpoint.name(), &why);
                    break;
                }
                Err(NoRecord::Failed(error)) => return Err(error.into()),
            }
        }
        let [first, second] = ids.as_slice() else { continue };
        for (user, (own, foreign)) in people.iter().zip([(first, second), (second, first)]) {
            let Ok(path) = run.path(endpoint, user) else { continue };
            let answer: Answer = run.call(endpoint, path, user, true, Some(&user.token))?;
            let name = endpoint.name();
            found.must(answer.body.contains(own), format!("{name} does not show the caller's own record"));
            found.must(!answer.body.contains(foreign), format!("{name} shows a record of another user"));
        }
    }
    Ok(())
}
