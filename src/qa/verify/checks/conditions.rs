//! Conditions of a change: the version, the current password, and the key that makes it happen once.

use actix_web::http::Method;
use serde_json::json;

use super::super::records::NoRecord;
use super::super::{Request, VerifyError};
use super::findings::{Checked, Findings};
use super::run::{CheckRun, path_of};
use crate::authz::{OwnerFrom, Resource as _, Rule, USERS_CREATE};
use crate::domain::{Client, User};
use crate::http::{Access, Endpoint};

/// A version that no record has.
const OTHER_VERSION: &str = "\"987654321-0\"";

/// Returns the routes that look at `If-Match`.
fn conditional<'r>(run: &'r CheckRun<'_>) -> impl Iterator<Item = (&'r Endpoint, &'static Rule)> {
    run.endpoints.iter().filter_map(|endpoint| match endpoint.access {
        Access::Record(rule) => {
            let headers = endpoint.description().request_headers;
            headers.iter().any(|header| header.name == "If-Match").then_some((endpoint, rule))
        }
        _ => None,
    })
}

pub(super) fn if_match(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    for (endpoint, rule) in conditional(run) {
        let user = run.new_owner()?;
        let path = match run.path(endpoint, &user) {
            Ok(path) => path,
            Err(NoRecord::NotMade(_)) => continue,
            Err(NoRecord::Failed(error)) => return Err(error.into()),
        };
        let by_owner = rule.owner_from != OwnerFrom::Nobody && rule.condition.owner_scope().is_some();
        let token = if by_owner { user.token.clone() } else { run.everything()? };
        let send = |condition: &str| -> Result<_, VerifyError> {
            let request = Request::new(endpoint.method.clone(), path.clone()).header("if-match", condition);
            run.with_examples(endpoint, request, &user, by_owner, |request| run.send(request, Some(&token)))
        };
        let name = endpoint.name();
        found.expect(
            &format!("{name} with another version"),
            &send(OTHER_VERSION)?,
            "412 precondition-failed",
        );
        let expected = "428 precondition-required";
        // A profile can be changed without a version, and an application decides for its own records.
        let is_required = [User::NAME, Client::NAME].contains(&rule.resource);
        if endpoint.method == Method::PATCH && is_required {
            found.expect(&format!("{name} without a version"), &send("")?, expected);
        }
    }
    stale_version(run, found)
}

/// Tries the version before the last change.
fn stale_version(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let user = run.new_owner()?;
    let path = path_of(&user);
    let read = run.done(&Request::get(&path), Some(&user.token))?;
    let version = read.header("etag").unwrap_or_default().to_owned();
    let change =
        || Request::patch(&path, &json!({ "email": run.new_address() })).header("if-match", &version);
    found.expect("a change of the current version", &run.send(&change(), Some(&user.token))?, "200");
    found.expect(
        "a change of the version before",
        &run.send(&change(), Some(&user.token))?,
        "412 precondition-failed",
    );
    let deletion = Request::delete(&path).header("if-match", &version);
    found.expect(
        "a deletion of the version before",
        &run.send(&deletion, Some(&user.token))?,
        "412 precondition-failed",
    );
    Ok(())
}

pub(super) fn current_password(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let new = format!("{}, new", run.password);
    for user in [run.new_owner()?, run.new_admin()?] {
        let path = format!("{}/password", path_of(&user));
        let change = |body: serde_json::Value| run.send(&Request::put(&path).json(&body), Some(&user.token));
        let bodies = [
            ("without the current one", json!({ "new_password": new })),
            ("with a wrong current one", json!({ "current_password": new, "new_password": new })),
        ];
        for (what, body) in bodies {
            found.expect(&format!("a new password {what}"), &change(body)?, "422 invalid-body");
        }
        let login = run.log_in_as(&user.email, &run.password, None)?;
        found.expect("the login after refused changes of the password", &login, "200");
    }
    Ok(())
}

pub(super) fn idempotency_key(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let (admin, other) = (run.new_admin()?, run.new_admin()?);
    let key = format!("{}-{}", run.mark(), run.next_number());
    let body = json!({ "email": run.new_address(), "password": run.password });
    let create = |body: &serde_json::Value, token: &str| {
        run.send(&Request::post("/users").json(body).header("idempotency-key", &key), Some(token))
    };
    let first = create(&body, &admin.token)?;
    found.expect("a registration with a key", &first, "201");
    let again = create(&body, &admin.token)?;
    let is_same = again.status == 201 && again.text("id")? == first.text("id")?;
    found.must(is_same, format!("a repetition with its key gets {}", again.summary()));
    found.expect("the same key of another caller", &create(&body, &other.token)?, "409 email-taken");
    let different = json!({ "email": run.new_address(), "password": run.password });
    found.expect("a key with another body", &create(&different, &admin.token)?, "422 idempotency-key-reused");
    let narrow = run.token_with(&admin, USERS_CREATE)?;
    found.expect(
        "a key of a caller with other scopes",
        &create(&body, &narrow)?,
        "422 idempotency-key-reused",
    );
    Ok(())
}
