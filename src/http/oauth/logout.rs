//! `/oauth/logout`: sign-out by request of a client or of the user (OpenID Connect RP-Initiated Logout).

use std::sync::Arc;

use super::super::pages::log_out;
use super::authorization_query::{FormRequest, QueryRequest};
use super::authorize_flow::{Checked, error_without_redirect};
use crate::http::kit::form::Form;
use crate::http::kit::{Browser, BrowserForm, Problem, Public, Services};
use crate::http::pages::{
    Application, BrowserAnswer, Destination, LogOut, LogOutChoice, LogOutForm, PageAnswer, SeeOther,
    logged_out, still_logged_in,
};
use crate::oauth::logout::{LogoutError, LogoutParameters, LogoutRequest};
use crate::store::SignedIn;

/// `GET /oauth/logout`. A request with an ID token of the signed-in user ends the session at once. Otherwise
/// the user must confirm, so that a link on another site cannot sign the user out.
pub async fn logout(
    _: Public,
    query: QueryRequest<LogoutParameters>,
    browser: Browser,
    services: Arc<Services>,
) -> Result<BrowserAnswer, Problem> {
    let request = match read(&services, &query.parameters).await? {
        Checked::Valid(request) => request,
        Checked::Answered(answer) => return Ok(answer),
    };
    match signed_in(&services, &browser).await? {
        Some(signed_in) if request.user != Some(signed_in.user.id) => {
            Ok(confirmation(&browser, &request, &query.parameters, &signed_in).into())
        }
        _ => sign_out(&services, &browser, request).await,
    }
}

/// `POST /oauth/logout`
pub async fn logout_by_form(
    _: Public,
    request: FormRequest<LogoutParameters>,
    services: Arc<Services>,
) -> Result<SeeOther, Problem> {
    Ok(request.redirect_to_get(&services))
}

/// `GET /oauth/confirm-logout`: the address of the form, as a browser opens it for a restored tab or by the link of an
/// expired form. The sign-out starts again.
pub async fn resume_logout(
    _: Public,
    query: QueryRequest<LogoutParameters>,
    services: Arc<Services>,
) -> Result<SeeOther, Problem> {
    Ok(query.restart(&services))
}

/// `POST /oauth/confirm-logout`: the form of the sign-out page.
pub async fn confirm_logout(
    _: Public,
    form: BrowserForm<LogOutForm>,
    services: Arc<Services>,
) -> Result<BrowserAnswer, Problem> {
    let given = Form::parse(form.get("request").unwrap_or_default().as_bytes())?;
    let request = match read(&services, &given).await? {
        Checked::Valid(request) => request,
        Checked::Answered(answer) => return Ok(answer),
    };
    match LogOutChoice::of(&form) {
        LogOutChoice::LogOut => sign_out(&services, form.browser(), request).await,
        LogOutChoice::Stay => Ok(still_logged_in(request.address_of_client().as_deref()).into()),
    }
}

async fn read(services: &Services, given: &Form) -> Result<Checked<LogoutRequest>, Problem> {
    match LogoutRequest::read(&services.oauth(), given).await {
        Ok(request) => Ok(Checked::Valid(request)),
        Err(LogoutError::Page(sentence)) => Ok(Checked::Answered(error_without_redirect(sentence).into())),
        Err(LogoutError::Failure(error)) => Err(error.into()),
    }
}

async fn signed_in(services: &Services, browser: &Browser) -> Result<Option<SignedIn>, Problem> {
    let Some(cookie) = browser.session() else { return Ok(None) };
    Ok(services.trusted.signed_in(cookie).await?)
}

async fn sign_out(
    services: &Services,
    browser: &Browser,
    request: LogoutRequest,
) -> Result<BrowserAnswer, Problem> {
    if let Some(cookie) = browser.session() {
        services.trusted.sign_out(cookie, browser.origin().clone()).await?;
    }
    let answer = match &request.return_to {
        Some(url) => BrowserAnswer::from(SeeOther::to(url)),
        None => logged_out(request.address_of_client().as_deref()).into(),
    };
    Ok(answer.with_cookie(services.forms.cookies().end_session()))
}

fn confirmation(
    browser: &Browser,
    request: &LogoutRequest,
    given: &Form,
    signed_in: &SignedIn,
) -> PageAnswer {
    let client = request.client.as_ref().map(|stored| &stored.client);
    let page = LogOut {
        application: client
            .map(|client| Application { name: client.name.as_deref(), id: client.id.as_str() }),
        request: &given.encoded(),
        email: &signed_in.user.email.to_string(),
    };
    let page = log_out(browser, &page);
    match request.return_to.as_deref().and_then(Destination::of) {
        Some(destination) => page.may_redirect_to(&destination),
        None => page,
    }
}
