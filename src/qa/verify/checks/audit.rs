//! The audit trail: what is written, and who reads what of it.

use serde_json::{Value, json};

use super::super::fixture::TestUser;
use super::super::{Request, VerifyError};
use super::findings::{Checked, Findings};
use super::run::{CheckRun, path_of};

/// Details of a request that are shown to its own caller alone, and to those who read every trail.
const DETAILS: [&str; 4] = ["jti", "address", "scope", "query"];

/// Returns the trail of a user's records, newest first.
fn trail(run: &CheckRun<'_>, of: &TestUser, token: &str) -> Result<Vec<Value>, VerifyError> {
    let answer = run.done(&Request::get(format!("{}/audit?limit=200", path_of(of))), Some(token))?;
    Ok(answer.json().get("items").and_then(Value::as_array).cloned().unwrap_or_default())
}

fn text<'a>(entry: &'a Value, name: &str) -> &'a str {
    entry.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn is(entry: &Value, members: &Value) -> bool {
    members.as_object().into_iter().flatten().all(|(name, value)| entry.get(name) == Some(value))
}

pub(super) fn written(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let (user, other, admin) = (run.new_owner()?, run.new_owner()?, run.new_admin()?);
    let path = path_of(&user);
    let refusal = run.send(&Request::delete(&path), Some(&other.token))?;
    found.expect("a deletion of another user", &refusal, "403 not-owner");
    run.done(&Request::patch(&path, &json!({ "email": run.new_address() })), Some(&user.token))?;
    run.done(&Request::get(format!("{path}/profile")), Some(&admin.token))?;
    let email = run.record(&path)?.get("email").cloned().unwrap_or_default();
    run.log_in_as(email.as_str().unwrap_or_default(), "a password of nobody", None)?;
    let entries = trail(run, &user, &run.everything()?)?;
    let (by_other, by_user, by_admin) =
        (format!("user:{}", other.id), format!("user:{}", user.id), format!("user:{}", admin.id));
    for (what, members) in [
        (
            "a refusal",
            json!({ "outcome": "refused", "actor": by_other, "action": "delete", "reason": "not-owner" }),
        ),
        ("a change", json!({ "outcome": "done", "actor": by_user, "action": "update", "resource": "user" })),
        (
            "a read of another's record",
            json!({ "outcome": "done", "actor": by_admin, "action": "read", "resource": "profile" }),
        ),
        (
            "a login with a wrong password",
            json!({ "outcome": "refused", "action": "log_in", "reason": "wrong-password" }),
        ),
        ("a login", json!({ "outcome": "done", "action": "log_in" })),
    ] {
        found.must(
            entries.iter().any(|entry| is(entry, &members)),
            format!("{what} is not in the audit trail"),
        );
    }
    let decision = refusal.json().get("decision_id").cloned().unwrap_or_default();
    let is_named =
        entries.iter().any(|entry| entry.get("decision_id") == Some(&decision) && !decision.is_null());
    found.must(is_named, "the decision_id of a refusal is not in the audit trail");
    Ok(())
}

pub(super) fn third_parties(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let (user, other, admin) = (run.new_owner()?, run.new_owner()?, run.new_admin()?);
    let path = path_of(&user);
    run.send(&Request::delete(&path), Some(&other.token))?;
    run.done(&Request::get(format!("{path}/sessions?limit=7")), Some(&admin.token))?;
    run.send(&Request::delete(format!("{path}/sessions/{}", other.id)), Some(&user.token))?;
    let (own, has) = (format!("user:{}", user.id), |entry: &Value, name: &str| {
        entry.get(name).is_some_and(|value| !value.is_null())
    });
    let (mut own_details, mut foreign) = (false, 0);
    for entry in trail(run, &user, &user.token)? {
        let actor = text(&entry, "actor");
        if actor == own {
            own_details |= has(&entry, "address") && has(&entry, "scope");
        } else {
            foreign += 1;
            found.must(!entry.to_string().contains('@'), "a user reads an e-mail address in the trail");
            for name in DETAILS.iter().filter(|name| has(&entry, name)) {
                let action = text(&entry, "action");
                // The user's own failed or successful login has no actor yet.
                found.must(
                    actor.is_empty(),
                    format!("a user reads {name} of a request of another caller: {action}"),
                );
            }
        }
    }
    found.must(
        foreign > 1 && own_details,
        "a user's trail lacks events of others, or details of the user's own",
    );
    let by_admin = |entry: &Value| text(entry, "actor") == format!("user:{}", admin.id);
    let has_roles = |entry: &Value| {
        entry.get("actor_roles").and_then(Value::as_array).is_some_and(|roles| !roles.is_empty())
    };
    let told = trail(run, &user, &user.token)?;
    found.must(
        told.iter().any(|entry| by_admin(entry) && has_roles(entry)),
        "a user does not read the id and the roles of another caller",
    );
    let everything = trail(run, &user, &run.everything()?)?;
    let is_full = everything
        .iter()
        .any(|entry| text(entry, "actor") == format!("user:{}", other.id) && has(entry, "scope"));
    found.must(is_full, "a caller who reads every trail does not see its details");
    Ok(())
}

pub(super) fn of_one_user(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let (user, other) = (run.new_owner()?, run.new_owner()?);
    run.send(&Request::get(path_of(&other)), Some(&user.token))?;
    let query = |name: &str, value: &str| {
        let entries = run.all(&format!("/audit?{name}={value}"))?;
        Ok::<_, VerifyError>(entries)
    };
    let owned = query("owner", &other.id)?;
    let is_owned = !owned.is_empty() && owned.iter().all(|entry| text(entry, "owner") == other.id);
    found.must(is_owned, "the trail filtered by an owner has events of another, or none");
    let actor = format!("user:{}", user.id);
    let acted = query("actor", &actor)?;
    let is_acted = !acted.is_empty() && acted.iter().all(|entry| text(entry, "actor") == actor);
    found.must(is_acted, "the trail filtered by an actor has events of another, or none");
    Ok(())
}
