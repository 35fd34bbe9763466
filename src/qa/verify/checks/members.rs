//! Members of records: who writes and who reads which.

use actix_web::http::Method;
use serde_json::{Map, Value, json};

use super::super::body::{self, Example};
use super::super::client::Answer;
use super::super::fixture::TestUser;
use super::super::records::NoRecord;
use super::super::{Request, VerifyError};
use super::findings::{Checked, Findings};
use super::run::{CheckRun, path_of};
use crate::authz::matrix::CallerKind;
use crate::authz::{OwnerFrom, USERS_READ_ANY, USERS_WRITE_ANY};
use crate::domain::Role;
use crate::http::{Access, Endpoint};

const REFUSED: &str = "422 invalid-body";

/// Returns the routes that change a record, and that the record can be read at.
fn changing<'r>(run: &'r CheckRun<'_>) -> impl Iterator<Item = &'r Endpoint> {
    let is_read = |path: &str| {
        run.endpoints.iter().any(|endpoint| endpoint.method == Method::GET && endpoint.path == path)
    };
    run.endpoints.iter().filter(move |endpoint| {
        let is_change = matches!(endpoint.access, Access::Record(rule) if rule.changes);
        is_change && matches!(body::example(endpoint), Some(Example::Members(..))) && is_read(endpoint.path)
    })
}

/// Returns the members that the caller may write by this route, as the record says.
fn writable(record: &Value, endpoint: &Endpoint) -> Vec<String> {
    let action = endpoint.access.rule().map(|rule| rule.action).unwrap_or_default();
    let named = record.get("_actions").and_then(|actions| actions.get(action)).and_then(Value::as_array);
    named.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Sends the example of a route with one member more.
pub(super) fn send_with(
    run: &CheckRun<'_>,
    endpoint: &Endpoint,
    (path, owner, token): (&str, &TestUser, &str),
    (name, value): (&str, &Value),
) -> Result<Answer, VerifyError> {
    let (media_type, example) = match body::example(endpoint) {
        Some(Example::Members(media_type, example)) => (media_type, example),
        _ => ("application/json", json!({})),
    };
    let mut members: Map<String, Value> =
        body::fitted(endpoint, example, owner, true, run).as_object().cloned().unwrap_or_default();
    members.insert(name.to_owned(), value.clone());
    let request = Request::new(endpoint.method.clone(), path);
    run.send(
        &Request { body: Some((media_type, Value::Object(members).to_string().into_bytes())), ..request },
        Some(token),
    )
}

pub(super) fn read_only(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    for endpoint in changing(run) {
        let user = run.new_owner()?;
        let path = match run.path(endpoint, &user) {
            Ok(path) => path,
            Err(NoRecord::NotMade(why)) => {
                found.leave_out(&endpoint.name(), &why);
                continue;
            }
            Err(NoRecord::Failed(error)) => return Err(error.into()),
        };
        let has_owner = endpoint.access.rule().is_some_and(|rule| rule.owner_from != OwnerFrom::Nobody);
        let admin = run.new_admin()?;
        let callers = match has_owner {
            true => vec![("the owner", user.token.clone()), ("an administrator", admin.token)],
            false => vec![("a caller with every scope", run.everything()?)],
        };
        for (what, token) in callers {
            let Some(record) = Some(run.send(&Request::get(&path), Some(&token))?).filter(Answer::is_success)
            else {
                continue;
            };
            let record = record.json();
            if record.get("_actions").is_none_or(|actions| {
                endpoint.access.rule().is_some_and(|rule| actions.get(rule.action).is_none())
            }) {
                continue;
            }
            let may_write = writable(&record, endpoint);
            let names = record.as_object().into_iter().flat_map(Map::keys).cloned();
            let names = names.chain(endpoint.description().body_members());
            let mut names: Vec<String> = names.filter(|name| !may_write.contains(name)).collect();
            names.extend(["owner".to_owned(), "user_id".to_owned(), "revision".to_owned()]);
            for name in names {
                let value = match record.get(&name) {
                    Some(Value::Bool(value)) => Value::Bool(!value),
                    Some(value) => value.clone(),
                    None => json!("x"),
                };
                let answer = send_with(run, endpoint, (&path, &user, &token), (&name, &value))?;
                found.expect(
                    &format!("{} with the member {name} by {what}", endpoint.name()),
                    &answer,
                    REFUSED,
                );
            }
            found.must(
                run.done(&Request::get(&path), Some(&token))?.json() == record,
                format!("{} changes a record that it refuses to change", endpoint.name()),
            );
        }
    }
    Ok(())
}

pub(super) fn actions(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let (user, admin) = (run.new_owner()?, run.new_admin()?);
    let callers = [
        ("the owner", CallerKind::Owner, &user.token),
        ("an administrator", CallerKind::Role(Role::ADMIN), &admin.token),
    ];
    for (what, kind, token) in callers {
        let record = run.done(&Request::get(path_of(&user)), Some(token))?.json();
        for endpoint in run.endpoints.iter().filter(|endpoint| endpoint.path.starts_with("/users/{id}")) {
            let Access::Record(rule) = endpoint.access else { continue };
            let name = match rule.part_of {
                Some(_) => format!("{}_{}", rule.action, rule.resource),
                None if rule.resource == "user" => rule.action.to_owned(),
                None => continue,
            };
            let is_named = record.get("_actions").is_some_and(|actions| actions.get(&name).is_some());
            let is_allowed = run.refusal(endpoint, kind).is_none();
            let difference = format!(
                "_actions of a user for {what}: {name} is named: {is_named}; the rule allows it: {is_allowed}"
            );
            found.must(is_named == is_allowed, difference);
        }
    }
    // On an administrator's record, a caller with one scope may not do what compares powers.
    let narrow = run.client_with(&[USERS_READ_ANY, USERS_WRITE_ANY])?;
    let record = run.done(&Request::get(path_of(&admin)), Some(&narrow))?.json();
    let is_named = record.pointer("/_actions/update").is_some();
    found.must(
        !is_named,
        "_actions of an administrator's record names update for a caller without the powers",
    );
    Ok(())
}

pub(super) fn new_address(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let user = run.new_owner()?;
    let path = path_of(&user);
    let verified = Request::patch(&path, &json!({ "email_verified": true }));
    let everything = run.everything()?;
    // An owner's new address waits until it is confirmed, if the server sends mail. An administrator's does not.
    for token in [&user.token, &everything] {
        run.done(&verified, Some(&everything))?;
        let new = run.new_address();
        let changed = run.done(&Request::patch(&path, &json!({ "email": new })), Some(token))?.json();
        let is_new = changed.get("email") == Some(&json!(new));
        let is_verified = changed.get("email_verified") == Some(&Value::Bool(true));
        found.must(!(is_new && is_verified), "a new address is verified because the old one was");
    }
    Ok(())
}
