//! `/oauth/authorize` with its sign-in page and its consent page. [`crate::oauth::authorization`] decides
//! which page comes next.

use std::sync::Arc;

use super::authorization_query::{FormRequest, QueryRequest};
use super::authorize_flow::{AuthorizeFlow, Checked};
use crate::domain::{BrowserSecret, Device, PasswordAttempt};
use crate::hashing::HashError;
use crate::http::kit::form::Form;
use crate::http::kit::{Browser, BrowserForm, PageForm, Problem, Public, Services};
use crate::http::pages::{
    BrowserAnswer, ConsentChoice, ConsentForm, LogInChoice, LogInError, LogInForm, STAY_SIGNED_IN, SeeOther,
    expired,
};
use crate::oauth::OAuthError;
use crate::oauth::authorization::Step;
use crate::oauth::authorization_parameters::AuthorizationParameters;
use crate::oauth::authorization_response::AuthorizationError;
use crate::oauth::password_login;
use crate::store::SessionCookie;

pub(super) const DENIED: AuthorizationError =
    AuthorizationError::new("access_denied", "the user denied the request");

/// `POST /oauth/authorize` (OpenID Connect Core §3.1.2.1)
pub async fn authorize_by_form(
    _: Public,
    request: FormRequest<AuthorizationParameters>,
    services: Arc<Services>,
) -> Result<SeeOther, Problem> {
    Ok(request.redirect_to_get(&services))
}

/// `GET /oauth/authorize` (RFC 6749 §4.1.1)
pub async fn authorize(
    _: Public,
    query: QueryRequest<AuthorizationParameters>,
    browser: Browser,
    services: Arc<Services>,
) -> Result<BrowserAnswer, Problem> {
    let flow = match AuthorizeFlow::of(&services, &browser, query.parameters).await? {
        Checked::Valid(flow) => flow,
        Checked::Answered(answer) => return Ok(answer),
    };
    match flow.step() {
        Step::SignIn => {
            let hint = flow.request.login_hint.as_deref().unwrap_or_default();
            flow.login_page(&browser, hint, None)
        }
        Step::SignUp => {
            let hint = flow.request.login_hint.as_deref().unwrap_or_default();
            flow.sign_up_page(&browser, hint, None)
        }
        Step::Consent { scope, new } => flow.consent_page(&browser, &scope, &new),
        Step::Issue(scope) => flow.issue(scope, false).await,
        Step::Refuse(error) => flow.refuse(error),
    }
}

/// `POST /oauth/login`: the form of the sign-in page.
pub async fn submit_login(
    _: Public,
    form: BrowserForm<LogInForm>,
    device: Device,
    services: Arc<Services>,
) -> Result<BrowserAnswer, Problem> {
    let flow = match AuthorizeFlow::of_form(&services, &form).await? {
        Checked::Valid(flow) => flow,
        Checked::Answered(answer) => return Ok(answer),
    };
    if LogInChoice::of(&form) == LogInChoice::Cancel {
        return flow.refuse(DENIED);
    }
    let (email, password) = (form.get("email").unwrap_or_default(), form.get("password").unwrap_or_default());
    enter(&services, &flow, &form, email, PasswordAttempt::new(password), device).await
}

/// Signs the user in at the browser that sent the form, and goes on with the authorization.
pub(super) async fn enter<F: PageForm>(
    services: &Services,
    flow: &AuthorizeFlow<'_>,
    form: &BrowserForm<F>,
    email: &str,
    password: PasswordAttempt,
    device: Device,
) -> Result<BrowserAnswer, Problem> {
    let secret = BrowserSecret::generate(&services.random)?;
    let before = form.browser().session();
    // Without the choice to stay, the browser forgets the cookie when it ends.
    let is_persistent = form.get(STAY_SIGNED_IN).is_some();
    let cookie = SessionCookie { hash: secret.hash(), is_persistent };
    match password_login::sign_in(&services.oauth(), email, password, device, cookie, before).await {
        Ok(until) => {
            let next = without_login(&flow.given).encoded();
            Ok(flow.back_to_authorize(&next).with_cookie(services.session_cookie(&secret, until)))
        }
        Err(OAuthError::InvalidCredentials) => {
            flow.login_page(form.browser(), email, Some(LogInError::Wrong))
        }
        Err(OAuthError::Hash(HashError::Busy)) => {
            flow.login_page(form.browser(), email, Some(LogInError::Busy))
        }
        Err(OAuthError::TooManyAttempts { .. }) => {
            flow.login_page(form.browser(), email, Some(LogInError::TooMany))
        }
        Err(error) => Err(error.into()),
    }
}

/// `GET /oauth/login`, `GET /oauth/sign-up` and `GET /oauth/consent`: the address of a form, as a browser opens it for
/// a restored tab or by the link of an expired form. The authorization starts again.
pub async fn resume_authorization(
    _: Public,
    query: QueryRequest<AuthorizationParameters>,
    services: Arc<Services>,
) -> Result<BrowserAnswer, Problem> {
    match query.parameters.get("client_id") {
        Some(_) => Ok(query.restart(&services).into()),
        None => Ok(expired().into()),
    }
}

/// `POST /oauth/consent`: the form of the consent page.
pub async fn submit_consent(
    _: Public,
    form: BrowserForm<ConsentForm>,
    services: Arc<Services>,
) -> Result<BrowserAnswer, Problem> {
    let shown = Form::parse(form.get("request").unwrap_or_default().as_bytes())?;
    let given = Form::parse(shown.get("request").unwrap_or_default().as_bytes())?;
    let flow = match AuthorizeFlow::of(&services, form.browser(), given).await? {
        Checked::Valid(flow) => flow,
        Checked::Answered(answer) => return Ok(answer),
    };
    match ConsentChoice::of(&form) {
        ConsentChoice::Deny => return flow.refuse(DENIED),
        ConsentChoice::SomebodyElse => {
            let next = flow.given.with("prompt", "login").encoded();
            return Ok(flow.back_to_authorize(&next));
        }
        ConsentChoice::Allow => {}
    }
    // Consent counts only for the user to whom the page was shown, and only for the scopes that it showed.
    let is_same_session =
        flow.signed_in.as_ref().map(|signed_in| signed_in.session.id.to_string()).as_deref()
            == shown.get("session");
    let shown_scope = services.vocabulary.scopes_in(shown.get("scope").unwrap_or_default());
    match flow.step() {
        Step::Consent { scope, .. } | Step::Issue(scope) if is_same_session => {
            flow.issue(scope.intersection(&shown_scope), true).await
        }
        _ => Ok(flow.back_to_authorize(&flow.given.encoded())),
    }
}

/// Returns the request without the parameters that require a sign-in or a sign-up. Used after the user has signed in.
fn without_login(given: &Form) -> Form {
    let is_kept = |value: &&str| !matches!(*value, "login" | "select_account" | "create");
    let prompt: Vec<&str> = given.get("prompt").unwrap_or_default().split(' ').filter(is_kept).collect();
    given.with("prompt", &prompt.join(" ")).with("max_age", "")
}
