//! Userinfo (OpenID Connect Core §5.3).

use serde_json::json;

use super::super::Request;
use super::findings::{Checked, Findings};
use super::run::{CheckRun, path_of};
use crate::authz::{EMAIL, OPENID, PROFILE, USERS_READ};

pub(super) fn claims(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let user = run.new_owner()?;
    let profile = Request::put(format!("{}/profile", path_of(&user))).json(&json!({ "name": "Marker" }));
    run.done(&profile, Some(&user.token))?;
    let ask = |scopes: &[crate::authz::Scope]| {
        let token = run.log_in(&user.email, Some(&scopes.iter().copied().collect()))?;
        run.send(&Request::get("/oauth/userinfo"), Some(&token))
    };
    let bare = ask(&[OPENID])?.json();
    found.must(bare == json!({ "sub": user.id }), format!("userinfo with openid alone tells {bare}"));
    let mail = ask(&[OPENID, EMAIL])?;
    let has_mail = mail.json().get("email").and_then(|email| email.as_str()) == Some(&user.email);
    found.must(has_mail && !mail.body.contains("Marker"), format!("userinfo with email tells {}", mail.body));
    let profile = ask(&[OPENID, PROFILE])?;
    let is_profile = profile.body.contains("Marker") && !profile.body.contains(&user.email);
    found.must(is_profile, format!("userinfo with profile tells {}", profile.body));
    found.expect("userinfo without openid", &ask(&[USERS_READ])?, "403 insufficient_scope");
    Ok(())
}
