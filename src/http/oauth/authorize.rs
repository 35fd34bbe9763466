//! `/oauth/authorize` and the pages that it leads through: signing in and consent. Which page comes
//! next is decided in [`crate::oauth::authorization`].

use std::sync::Arc;

use super::super::pages::{
    BrowserAnswer, ConsentChoice, ConsentForm, LogInChoice, LogInError, LogInForm, SeeOther,
};
use super::authorization_query::{Asked, AskedByForm, Authorization};
use super::authorize_flow::Visit;
use crate::domain::{BrowserSecret, Device, PasswordAttempt};
use crate::hashing::HashError;
use crate::http::kit::browser::{Browser, BrowserForm, SetCookie};
use crate::http::kit::decision::Public;
use crate::http::kit::form::Form;
use crate::http::kit::problem::Problem;
use crate::http::kit::services::Services;
use crate::oauth::authorization::Step;
use crate::oauth::authorization_response::AuthorizationError;
use crate::oauth::{OAuthError, password_login};

const DENIED: AuthorizationError =
    AuthorizationError::new("access_denied", "the user did not let the application in");

/// `POST /oauth/authorize` (OpenID Connect Core §3.1.2.1)
pub async fn authorize_by_form(
    _: Public,
    asked: AskedByForm<Authorization>,
    services: Arc<Services>,
) -> Result<SeeOther, Problem> {
    Ok(asked.by_get(&services))
}

/// `GET /oauth/authorize` (RFC 6749 §4.1.1)
pub async fn authorize(
    _: Public,
    asked: Asked<Authorization>,
    browser: Browser,
    services: Arc<Services>,
) -> Result<BrowserAnswer, Problem> {
    let visit = match Visit::of(&services, &browser, asked.parameters).await? {
        Ok(visit) => visit,
        Err(answer) => return Ok(answer),
    };
    match visit.step() {
        Step::SignIn => {
            let hint = visit.request.login_hint.as_deref().unwrap_or_default();
            visit.login_page(&browser, hint, None)
        }
        Step::Consent { scope, new } => visit.consent_page(&browser, &scope, &new),
        Step::Issue(scope) => visit.issue(scope, false).await,
        Step::Refuse(error) => Ok(visit.refuse(error)),
    }
}

/// `POST /oauth/login`: what the page of the same name sends.
pub async fn submit_login(
    _: Public,
    form: BrowserForm<LogInForm>,
    device: Device,
    services: Arc<Services>,
) -> Result<BrowserAnswer, Problem> {
    let given = Form::parse(form.get("request").unwrap_or_default().as_bytes())?;
    let visit = match Visit::of(&services, form.browser(), given).await? {
        Ok(visit) => visit,
        Err(answer) => return Ok(answer),
    };
    if LogInChoice::of(&form) == LogInChoice::Cancel {
        return Ok(visit.refuse(DENIED));
    }
    let (email, password) = (form.get("email").unwrap_or_default(), form.get("password").unwrap_or_default());
    let secret = BrowserSecret::generate(&services.random)?;
    let before = form.browser().session();
    let password = PasswordAttempt::new(password);
    match password_login::sign_in(&services.oauth(), email, password, device, secret.hash(), before).await {
        Ok(()) => {
            let onward = without_login(&visit.given).encoded();
            Ok(visit.back_to_authorize(&onward).with_cookie(SetCookie::session(&secret, None)))
        }
        Err(OAuthError::InvalidCredentials) => {
            visit.login_page(form.browser(), email, Some(LogInError::Wrong))
        }
        Err(OAuthError::Hash(HashError::Busy)) => {
            visit.login_page(form.browser(), email, Some(LogInError::Busy))
        }
        Err(OAuthError::TooManyAttempts { .. }) => {
            visit.login_page(form.browser(), email, Some(LogInError::TooMany))
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST /oauth/consent`: what the page of the same name sends.
pub async fn submit_consent(
    _: Public,
    form: BrowserForm<ConsentForm>,
    services: Arc<Services>,
) -> Result<BrowserAnswer, Problem> {
    let shown = Form::parse(form.get("request").unwrap_or_default().as_bytes())?;
    let given = Form::parse(shown.get("request").unwrap_or_default().as_bytes())?;
    let visit = match Visit::of(&services, form.browser(), given).await? {
        Ok(visit) => visit,
        Err(answer) => return Ok(answer),
    };
    match ConsentChoice::of(&form) {
        ConsentChoice::Deny => return Ok(visit.refuse(DENIED)),
        ConsentChoice::SomebodyElse => {
            let onward = visit.given.with("prompt", "login").encoded();
            return Ok(visit.back_to_authorize(&onward));
        }
        ConsentChoice::Allow => {}
    }
    // Whoever agrees is the one to whom the page was shown, and agrees to what it said.
    let is_theirs = visit.signed_in.as_ref().map(|signed_in| signed_in.session.id.to_string()).as_deref()
        == shown.get("session");
    let read = services.vocabulary.scopes_in(shown.get("scope").unwrap_or_default());
    match visit.step() {
        Step::Consent { scope, .. } | Step::Issue(scope) if is_theirs => {
            visit.issue(scope.intersection(&read), true).await
        }
        _ => Ok(visit.back_to_authorize(&visit.given.encoded())),
    }
}

/// The same request once its user has signed in: what asked for that is answered.
fn without_login(given: &Form) -> Form {
    let asks_no_more = |value: &&str| !matches!(*value, "login" | "select_account");
    let prompt: Vec<&str> = given.get("prompt").unwrap_or_default().split(' ').filter(asks_no_more).collect();
    given.with("prompt", &prompt.join(" ")).with("max_age", "")
}
