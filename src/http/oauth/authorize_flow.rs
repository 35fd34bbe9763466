//! Authorize flow: an authorization request, and the user in the browser that sends it.

use actix_web::http::StatusCode;

use crate::authz::{OFFLINE_ACCESS, Scope, ScopeSet};
use crate::domain::{Client, Origin};
use crate::http::kit::form::Form;
use crate::http::kit::{Browser, BrowserForm, Code, PageForm, Problem, Services};
use crate::http::pages::{
    Application, BrowserAnswer, Consent, Destination, ErrorPage, LogIn, LogInError, PageAnswer, Permission,
    SeeOther, SignUp, SignUpError, registration_requested,
};
use crate::http::pages::{consent, error, form_post, log_in, sign_up};
use crate::oauth::authorization::{AuthorizationState, Step, consented, issue_code, next_step};
use crate::oauth::authorization_request::{AuthorizationRequest, RequestError};
use crate::oauth::authorization_response::{AuthorizationError, AuthorizationResponse};
use crate::store::SignedIn;

/// Request of a page: valid, or answered already.
pub enum Checked<T> {
    /// The request is valid.
    Valid(T),
    /// The request is invalid, and this is its answer.
    Answered(BrowserAnswer),
}

/// Authorization request of a client, and the user in the browser that sends it.
pub struct AuthorizeFlow<'a> {
    services: &'a Services,
    /// The parameters, as the client sent them.
    pub given: Form,
    /// The parsed and checked request.
    pub request: AuthorizationRequest,
    /// The user who is signed in in the browser.
    pub signed_in: Option<SignedIn>,
    consented: ScopeSet,
    origin: Origin,
}

impl<'a> AuthorizeFlow<'a> {
    /// Reads the request.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn of(
        services: &'a Services,
        browser: &Browser,
        given: Form,
    ) -> Result<Checked<Self>, Problem> {
        let context = services.oauth();
        let request = match AuthorizationRequest::read(&context, &given).await {
            Ok(request) => request,
            Err(RequestError::Failure(error)) => return Err(error.into()),
            Err(RequestError::Page(sentence)) => {
                return Ok(Checked::Answered(error_without_redirect(sentence).into()));
            }
            Err(RequestError::Client(target, error)) => {
                let id = given.get("client_id").unwrap_or_default();
                let response = target.with_error(context.issuer_url, error);
                return answer(response, Application { name: None, id }).map(Checked::Answered);
            }
        };
        let signed_in = match browser.session() {
            Some(cookie) => services.trusted.signed_in(cookie).await?,
            None => None,
        };
        let consented = consented(&context, &request, signed_in.as_ref()).await?;
        let origin = browser.origin().clone();
        Ok(Checked::Valid(Self { services, given, request, signed_in, consented, origin }))
    }

    /// Reads the request that the page of this form was made for, as [`AuthorizeFlow::of`] does.
    ///
    /// # Errors
    /// When the form has no valid request, or the database is away.
    pub async fn of_form<F: PageForm>(
        services: &'a Services,
        form: &BrowserForm<F>,
    ) -> Result<Checked<Self>, Problem> {
        let given = Form::parse(form.get("request").unwrap_or_default().as_bytes())?;
        Self::of(services, form.browser(), given).await
    }

    /// Returns the next step.
    pub fn step(&self) -> Step {
        let (signed_in, now) = (self.signed_in.as_ref(), self.services.clock.now());
        let state = AuthorizationState { signed_in, consented: &self.consented, now };
        next_step(&self.request, &state, &self.services.vocabulary)
    }

    fn client(&self) -> &Client {
        &self.request.client.client
    }

    fn application(&self) -> Application<'_> {
        Application { name: self.client().name.as_deref(), id: self.client().id.as_str() }
    }

    fn destination(&self) -> Result<Destination, Problem> {
        Destination::of(&self.request.target.redirect_uri).ok_or_else(|| Problem::new(Code::InvalidRequest))
    }

    /// Renders the sign-in page.
    pub fn login_page(
        &self,
        browser: &Browser,
        email: &str,
        error: Option<LogInError>,
    ) -> Result<BrowserAnswer, Problem> {
        let request = self.given.encoded();
        let sign_up = self.services.registration_open.then(|| self.given.with("prompt", "create").encoded());
        let sign_up = sign_up.as_deref();
        let (application, sends_mail) = (self.application(), self.services.accounts.sends_mail);
        let page = LogIn { application, request: &request, email, error, sign_up, sends_mail };
        Ok(log_in(browser, &page).may_redirect_to(&self.destination()?).into())
    }

    /// Renders the sign-up page.
    pub fn sign_up_page(
        &self,
        browser: &Browser,
        email: &str,
        error: Option<SignUpError>,
    ) -> Result<BrowserAnswer, Problem> {
        let (request, log_in) = (self.given.encoded(), self.given.with("prompt", "login").encoded());
        let page =
            SignUp { application: self.application(), request: &request, log_in: &log_in, email, error };
        Ok(sign_up(browser, &page).may_redirect_to(&self.destination()?).into())
    }

    /// Renders the page after a registration whose address must be proved.
    pub fn registration_page(&self, email: &str) -> BrowserAnswer {
        registration_requested(&self.given.with("prompt", "login").encoded(), email).into()
    }

    /// Renders the consent page.
    pub fn consent_page(
        &self,
        browser: &Browser,
        scope: &ScopeSet,
        new: &ScopeSet,
    ) -> Result<BrowserAnswer, Problem> {
        let Some(signed_in) = &self.signed_in else { return Err(Problem::new(Code::Internal)) };
        let known = self.services.vocabulary.scopes().iter().copied();
        let mut ordered: Vec<Scope> = known.filter(|known| scope.contains(*known)).collect();
        // The identity of the user comes first. The other scopes are declared so that reading precedes changing.
        ordered.sort_by_key(|scope| (*scope == OFFLINE_ACCESS, !scope.is_identity()));
        let permissions: Vec<Permission<'_>> =
            ordered.into_iter().map(|scope| Permission::of(scope, !new.contains(scope))).collect();
        let shown = Form::of([
            ("session", signed_in.session.id.to_string()),
            ("scope", scope.to_string()),
            ("request", self.given.encoded()),
        ]);
        let page = Consent {
            application: self.application(),
            request: &shown.encoded(),
            restart: &self.given.encoded(),
            email: &signed_in.user.email.to_string(),
            destination: &self.destination()?,
            permissions: &permissions,
            offline_access: scope.contains(OFFLINE_ACCESS),
        };
        Ok(consent(browser, &page).into())
    }

    /// Sends the browser back to the client with a code, or to the beginning if the user is no longer signed
    /// in.
    pub async fn issue(&self, scope: ScopeSet, consent: bool) -> Result<BrowserAnswer, Problem> {
        let restart = || self.back_to_authorize(&self.given.encoded());
        let Some(signed_in) = &self.signed_in else { return Ok(restart()) };
        let context = self.services.oauth();
        let code =
            issue_code(&context, &self.request, signed_in, scope, consent, self.origin.clone()).await?;
        let Some(code) = code else { return Ok(restart()) };
        answer(self.request.target.with_code(context.issuer_url, code.expose()), self.application())
    }

    /// Sends the browser back to the client with an error.
    ///
    /// # Errors
    /// When the redirect URI opens no application.
    pub fn refuse(&self, error: AuthorizationError) -> Result<BrowserAnswer, Problem> {
        answer(self.request.target.with_error(&self.services.issuer_url, error), self.application())
    }

    /// Sends the browser to the beginning of the flow, with these parameters.
    pub fn back_to_authorize(&self, request: &str) -> BrowserAnswer {
        SeeOther::to(format!("{}/oauth/authorize?{request}", self.services.issuer_url)).into()
    }
}

/// Sends the browser to the client with a response.
fn answer(response: AuthorizationResponse, application: Application<'_>) -> Result<BrowserAnswer, Problem> {
    Ok(match response {
        AuthorizationResponse::Redirect(url) => SeeOther::to(url).into(),
        AuthorizationResponse::Form(target, fields) => {
            let destination = Destination::of(&target).ok_or_else(|| Problem::new(Code::InvalidRequest))?;
            form_post(application, &destination, &target, &fields).into()
        }
    })
}

/// Renders an error without a redirect. The server must not redirect a request from an unknown client (RFC
/// 9700 §4.11.2).
pub(super) fn error_without_redirect(sentence: &str) -> PageAnswer {
    error(&ErrorPage {
        status: StatusCode::BAD_REQUEST,
        title: "The application made a mistake",
        sentence: "Go back to the application and start again. If it happens again, send the details below to its developers.",
        code: Some("invalid_request"),
        detail: Some(sentence),
    })
}
