//! Authentication of clients, and what a client may be granted.

use serde_json::json;

use super::super::Request;
use super::super::fixture::TestClient;
use super::application::Application;
use super::findings::{Checked, Findings};
use super::run::{CheckRun, scope_of};
use crate::authz::{USERS_READ, USERS_READ_ANY, USERS_WRITE_ANY};

const REFUSED: &str = "401 invalid_client";

const BY_ITSELF: [(&str, &str); 1] = [("grant_type", "client_credentials")];

pub(super) fn wrong_secret(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let scopes = [USERS_READ].into_iter().collect();
    let (client, other) = (run.new_client(&scopes)?, run.new_client(&scopes)?);
    for (what, secret) in [
        ("the secret of another client", other.secret.clone()),
        ("a shorter secret", client.secret.chars().skip(1).collect()),
        ("an empty secret", String::new()),
    ] {
        let wrong = TestClient { secret, ..client.clone() };
        let token = [("token", "unknown")];
        for (path, form) in
            [("/oauth/token", &BY_ITSELF), ("/oauth/revoke", &token), ("/oauth/introspect", &token)]
        {
            found.expect(&format!("{what} at {path}"), &run.form_of(&wrong, path, form)?, REFUSED);
        }
    }
    let by_id = [BY_ITSELF.as_slice(), &[("client_id", client.id.as_str())]].concat();
    found.expect("a client without its secret", &run.form("/oauth/token", &by_id)?, REFUSED);
    Ok(())
}

pub(super) fn other_method(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let client = run.new_client(&[USERS_READ].into_iter().collect())?;
    let secret = [("client_id", client.id.as_str()), ("client_secret", &client.secret)];
    let by_post = [BY_ITSELF.as_slice(), &secret].concat();
    let answer = run.form("/oauth/token", &by_post)?;
    found.expect("a client of client_secret_basic by client_secret_post", &answer, REFUSED);
    Ok(())
}

pub(super) fn other_grant(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let application = Application::register(run, USERS_READ.as_str())?;
    let answer = run.form_of(&application.client, "/oauth/token", &BY_ITSELF)?;
    found.expect("client_credentials of a client that signs users in", &answer, "400 unauthorized_client");
    let client = run.new_client(&[USERS_READ].into_iter().collect())?;
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", "unknown")];
    let answer = run.form_of(&client, "/oauth/token", &refresh)?;
    found.expect("refresh_token of a client that acts for itself", &answer, "400 unauthorized_client");
    Ok(())
}

pub(super) fn scope_beyond_registration(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let client = run.new_client(&[USERS_READ].into_iter().collect())?;
    let ask = |scope: &str| run.form_of(&client, "/oauth/token", &[BY_ITSELF[0], ("scope", scope)]);
    let more = format!("{USERS_READ} {USERS_READ_ANY} {USERS_WRITE_ANY}");
    let scope = scope_of(&ask(&more)?)?;
    found.must(scope == [USERS_READ.as_str()], format!("a token for {more:?} gets {:?}", scope.join(" ")));
    let beyond = ask(USERS_READ_ANY.as_str())?;
    found.expect("a token for a scope beyond the registration", &beyond, "400 invalid_scope");
    Ok(())
}

pub(super) fn ended_credentials(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let client = run.new_client(&[USERS_READ].into_iter().collect())?;
    let token = run.token_of(&client)?;
    let path = format!("/clients/{}", client.id);
    let rotation = Request::post(format!("{path}/secret")).json(&json!({ "old_expires_in": 0 }));
    run.done(&rotation, Some(&run.everything()?))?;
    found.expect("a replaced secret", &run.form_of(&client, "/oauth/token", &BY_ITSELF)?, REFUSED);
    run.done(&Request::delete(path), Some(&run.everything()?))?;
    found.expect("a deleted client", &run.form_of(&client, "/oauth/token", &BY_ITSELF)?, REFUSED);
    found.must(!run.is_accepted(&token)?, "the token of a deleted client is accepted");
    Ok(())
}
