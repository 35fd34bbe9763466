//! Powers over others: no caller grants, or acts on, a power that it lacks.

use actix_web::http::Method;
use serde_json::{Value, json};

use super::super::fixture::TestUser;
use super::super::invariants::compares_powers;
use super::super::records::NoRecord;
use super::super::{Request, VerifyError};
use super::application::Application;
use super::findings::{Checked, Findings, Stopped};
use super::run::{CheckRun, path_of};
use crate::authz::{CLIENTS_WRITE, OwnerFrom, ROLES_WRITE, USERS_CREATE, USERS_READ, USERS_READ_ANY};
use crate::http::{Access, Endpoint};

const ABOVE: &str = "403 above-caller";

const STALE: &str = "401 insufficient-user-authentication";

pub(super) fn registration(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let (user, creator) = (run.new_owner()?, run.client_with(&[USERS_CREATE])?);
    let (anonymous, by_user) = match run.registration_open() {
        true => ("422 invalid-body", "422 invalid-body"),
        false => ("401 unauthenticated", "403 insufficient-scope"),
    };
    for (what, token, expected) in [
        ("nobody", None, anonymous),
        ("a user", Some(&user.token), by_user),
        ("a client with users:create", Some(&creator), "422 invalid-body"),
    ] {
        let mut forbidden = vec![
            json!({ "roles": ["admin"] }),
            json!({ "status": "suspended" }),
            json!({ "email_verified": true }),
        ];
        if token != Some(&creator) {
            forbidden.push(json!({ "external_id": "of-another-system" }));
        }
        for member in forbidden {
            let mut body = json!({ "email": run.new_address(), "password": run.password });
            if let (Some(members), Some(more)) = (body.as_object_mut(), member.as_object()) {
                members.extend(more.clone());
            }
            let answer = run.send(&Request::post("/users").json(&body), token.map(String::as_str))?;
            found.expect(&format!("a registration with {member} by {what}"), &answer, expected);
        }
    }
    let body = json!({ "email": run.new_address(), "password": run.password });
    let plain = run.done(&Request::post("/users").json(&body), Some(&creator))?;
    let roles = plain.json().get("roles").cloned();
    found.must(roles == Some(json!(["user"])), format!("a registration without roles gives {roles:?}"));
    Ok(())
}

pub(super) fn granted_roles(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let (target, admin) = (run.new_owner()?, run.new_admin()?);
    let path = format!("{}/roles", path_of(&target));
    let callers = [
        ("a client with roles:write alone", run.client_with(&[ROLES_WRITE])?),
        ("an administrator with a token of roles:write alone", run.token_with(&admin, ROLES_WRITE)?),
    ];
    for (what, token) in &callers {
        for role in ["admin", "support"] {
            let request = Request::put(&path).json(&json!({ "roles": ["user", role] }));
            found.expect(&format!("the role {role} from {what}"), &run.send(&request, Some(token))?, ABOVE);
        }
    }
    let roles = run.record(&path_of(&target))?.get("roles").cloned();
    found.must(roles == Some(json!(["user"])), format!("refused grants leave the roles {roles:?}"));
    let token = run.client_with(&[ROLES_WRITE, USERS_CREATE])?;
    let create = |roles: Value| {
        let body = json!({ "email": run.new_address(), "password": run.password, "roles": roles });
        run.send(&Request::post("/users").json(&body), Some(&token))
    };
    found.expect("a registration with the role admin", &create(json!(["admin"]))?, ABOVE);
    found.expect("a registration with the role user", &create(json!(["user"]))?, "201");
    let downgrade = Request::put(format!("{}/roles", path_of(&admin))).json(&json!({ "roles": [] }));
    found.expect("the roles of an administrator", &run.send(&downgrade, Some(&token))?, ABOVE);
    let untried =
        || Stopped::untried("roles granted long after the authentication: the server's key is needed");
    let stale = run.stale(&admin)?.ok_or_else(untried)?;
    let body = json!({ "email": run.new_address(), "password": run.password, "roles": ["support"] });
    let answer = run.send(&Request::post("/users").json(&body), Some(&stale))?;
    found.expect("a registration with the role support long after the authentication", &answer, STALE);
    Ok(())
}

pub(super) fn clients(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let token = run.client_with(&[CLIENTS_WRITE])?;
    let (weak, strong) = (
        run.new_client(&[USERS_READ].into_iter().collect())?,
        run.new_client(&[USERS_READ_ANY].into_iter().collect())?,
    );
    let (weak, strong) = (format!("/clients/{}", weak.id), format!("/clients/{}", strong.id));
    let plain = format!("/clients/{}", Application::register(run, USERS_READ.as_str())?.client.id);
    let registration = |scope: &str| {
        Request::post("/clients").json(&json!({
            "client_id": run.new_client_id(), "scope": scope, "grant_types": ["client_credentials"],
        }))
    };
    let wider = json!({ "scope": USERS_READ_ANY.as_str() });
    let attempts = [
        ("a new client with a power", registration(USERS_READ_ANY.as_str()), ABOVE),
        ("a power for a client without one", Request::patch(&weak, &wider), ABOVE),
        (
            "the name of a client with a power",
            Request::patch(&strong, &json!({ "client_name": "mine" })),
            ABOVE,
        ),
        ("the secret of a client with a power", Request::post(format!("{strong}/secret")), ABOVE),
        ("the end of a client with a power", Request::delete(&strong), ABOVE),
        ("the mark first_party", Request::patch(&plain, &json!({ "first_party": true })), ABOVE),
        ("a new client without a power", registration(USERS_READ.as_str()), "201"),
        (
            "the name of a client without a power",
            Request::patch(&weak, &json!({ "client_name": "mine" })),
            "200",
        ),
    ];
    for (what, request, expected) in attempts {
        found.expect(
            &format!("{what}, from a client with clients:write alone,"),
            &run.send(&request, Some(&token))?,
            expected,
        );
    }
    Ok(())
}

/// Returns the routes that compare powers on a user's record.
fn ranked<'r>(run: &'r CheckRun<'_>) -> impl Iterator<Item = &'r Endpoint> {
    let is_of_user = |endpoint: &&Endpoint| matches!(endpoint.access, Access::Record(rule) if rule.owner_from != OwnerFrom::Nobody);
    run.endpoints.iter().filter(|endpoint| compares_powers(endpoint)).filter(is_of_user)
}

/// Calls a route on a record of this owner. None when no route creates such a record.
fn call(
    run: &CheckRun<'_>,
    endpoint: &Endpoint,
    owner: &TestUser,
    token: &str,
) -> Result<Option<String>, VerifyError> {
    let path = match run.path(endpoint, owner) {
        Ok(path) => path,
        Err(NoRecord::NotMade(_)) => return Ok(None),
        Err(NoRecord::Failed(error)) => return Err(error),
    };
    let answer = run.call(endpoint, path, owner, false, Some(token))?;
    let is_missing = answer.status == 404 && endpoint.path.matches('{').count() > 1;
    Ok(Some(answer.summary()).filter(|_| !is_missing))
}

pub(super) fn one_scope(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    for endpoint in ranked(run) {
        let scope = endpoint.access.rule().and_then(|rule| rule.condition.anyone_scope());
        let Some(scope) = scope else { continue };
        let (token, name) = (run.client_with(&[scope])?, endpoint.name());
        if let Some(told) = call(run, endpoint, &run.new_admin()?, &token)? {
            let difference = format!(
                "{name} with {scope} alone, on an administrator's record, gets {told}; the rule says {ABOVE}"
            );
            found.must(told == ABOVE, difference);
        }
        if let Some(told) = call(run, endpoint, &run.new_owner()?, &token)? {
            let is_let_in = !["401", "403", "404"].contains(&&told[..3.min(told.len())]);
            found.must(is_let_in, format!("{name} with {scope} alone, on a user's record, gets {told}"));
        }
    }
    Ok(())
}

pub(super) fn equals(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let admin = run.new_admin()?;
    for endpoint in ranked(run) {
        // The owner's own way, such as a change of one's own profile, is tried in the matrix.
        if endpoint.access.rule().is_none_or(|rule| rule.condition.anyone_scope().is_none()) {
            continue;
        }
        let Some(told) = call(run, endpoint, &run.new_admin()?, &admin.token)? else { continue };
        let difference = format!("{} of an administrator by another gets {told}", endpoint.name());
        found.must(told != ABOVE || endpoint.method == Method::GET, difference);
    }
    Ok(())
}
