//! `/oauth/authorize` and the pages that it leads through: signing in and consent. Which page comes
//! next is decided in [`crate::oauth::authorization`].

use std::sync::Arc;

use actix_web::http::StatusCode;

use super::super::browser::{Browser, BrowserForm, SetCookie};
use super::super::decide::Public;
use super::super::form::Form;
use super::super::pages::{
    Application, BrowserAnswer, Consent, ConsentChoice, ConsentForm, Destination, ErrorPage, LogIn,
    LogInChoice, LogInError, LogInForm, PageAnswer, Permission, SeeOther, consent, error, log_in,
};
use super::super::problem::{Code, Problem};
use super::super::services::Services;
use super::asked::{Asked, AskedByForm, Authorization};
use crate::authz::{OFFLINE_ACCESS, ScopeSet};
use crate::domain::{BrowserSecret, Client, Device, PasswordAttempt};
use crate::hashing::HashError;
use crate::oauth::authorization::{Situation, Step, consented, issue_code, next_step};
use crate::oauth::authorization_request::{AuthorizationError, AuthorizationRequest, Wrong};
use crate::oauth::{OAuthError, password_login};
use crate::store::SignedIn;

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
            Ok(visit.login_page(&browser, hint, None))
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
            Ok(visit.login_page(form.browser(), email, Some(LogInError::Wrong)))
        }
        Err(OAuthError::Hash(HashError::Busy)) => {
            Ok(visit.login_page(form.browser(), email, Some(LogInError::Busy)))
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

const DENIED: AuthorizationError =
    AuthorizationError::new("access_denied", "the user did not let the application in");

/// Somebody at the door: what the client asked for, and who is there.
struct Visit<'a> {
    services: &'a Services,
    given: Form,
    request: AuthorizationRequest,
    signed_in: Option<SignedIn>,
    consented: ScopeSet,
}

impl<'a> Visit<'a> {
    /// Reads the request; what is wrong with it is answered at once.
    async fn of(
        services: &'a Services,
        browser: &Browser,
        given: Form,
    ) -> Result<Result<Self, BrowserAnswer>, Problem> {
        let with = services.oauth();
        let request = match AuthorizationRequest::read(&with, &given).await {
            Ok(request) => request,
            Err(Wrong::Failure(error)) => return Err(error.into()),
            Err(Wrong::Page(sentence)) => return Ok(Err(not_sent_back(sentence).into())),
            Err(Wrong::Client(reply, error)) => {
                return Ok(Err(SeeOther::to(reply.with_error(with.issuer_url, error)).into()));
            }
        };
        let signed_in = match browser.session() {
            Some(cookie) => services.store.signed_in(cookie).await?,
            None => None,
        };
        let consented = consented(&with, &request, signed_in.as_ref()).await?;
        Ok(Ok(Self { services, given, request, signed_in, consented }))
    }

    fn step(&self) -> Step {
        let (signed_in, now) = (self.signed_in.as_ref(), self.services.clock.now());
        let situation = Situation { signed_in, consented: &self.consented, now };
        next_step(&self.request, &situation, &self.services.vocabulary)
    }

    fn client(&self) -> &Client {
        &self.request.client.client
    }

    fn application(&self) -> Application<'_> {
        Application { name: self.client().name.as_deref(), id: self.client().id.as_str() }
    }

    fn destination(&self) -> Result<Destination, Problem> {
        Destination::of(&self.request.reply.redirect_uri).ok_or_else(|| Problem::new(Code::InvalidRequest))
    }

    fn login_page(&self, browser: &Browser, email: &str, error: Option<LogInError>) -> BrowserAnswer {
        let request = self.given.encoded();
        let page = LogIn { application: self.application(), request: &request, email, error };
        self.leading_on(log_in(browser, &page))
    }

    fn consent_page(
        &self,
        browser: &Browser,
        scope: &ScopeSet,
        new: &ScopeSet,
    ) -> Result<BrowserAnswer, Problem> {
        let Some(signed_in) = &self.signed_in else { return Err(Problem::new(Code::Internal)) };
        let permissions: Vec<Permission<'_>> =
            scope.iter().map(|scope| Permission::of(scope, !new.contains(scope))).collect();
        let shown = Form::of([
            ("session", signed_in.session.id.to_string()),
            ("scope", scope.to_string()),
            ("request", self.given.encoded()),
        ]);
        let page = Consent {
            application: self.application(),
            request: &shown.encoded(),
            email: &signed_in.user.email.to_string(),
            destination: &self.destination()?,
            permissions: &permissions,
            stays: scope.contains(OFFLINE_ACCESS),
        };
        Ok(consent(browser, &page).into())
    }

    fn leading_on(&self, page: PageAnswer) -> BrowserAnswer {
        match self.destination() {
            Ok(destination) => page.leading_to(&destination).into(),
            Err(_) => page.into(),
        }
    }

    async fn issue(&self, scope: ScopeSet, consent: bool) -> Result<BrowserAnswer, Problem> {
        let again = || self.back_to_authorize(&self.given.encoded());
        let Some(signed_in) = &self.signed_in else { return Ok(again()) };
        let with = self.services.oauth();
        let code = issue_code(&with, &self.request, signed_in, scope, consent).await?;
        let Some(code) = code else { return Ok(again()) };
        Ok(SeeOther::to(self.request.reply.with_code(with.issuer_url, code.expose())).into())
    }

    fn refuse(&self, error: AuthorizationError) -> BrowserAnswer {
        SeeOther::to(self.request.reply.with_error(&self.services.issuer_url, error)).into()
    }

    fn back_to_authorize(&self, request: &str) -> BrowserAnswer {
        SeeOther::to(format!("{}/oauth/authorize?{request}", self.services.issuer_url)).into()
    }
}

/// The same request once its user has signed in: what asked for that is answered.
fn without_login(given: &Form) -> Form {
    let asks_no_more = |value: &&str| !matches!(*value, "login" | "select_account");
    let prompt: Vec<&str> = given.get("prompt").unwrap_or_default().split(' ').filter(asks_no_more).collect();
    given.with("prompt", &prompt.join(" ")).with("max_age", "")
}

/// Nobody is sent anywhere while it is not certain who asks (RFC 9700 §4.11.2).
pub(super) fn not_sent_back(sentence: &str) -> PageAnswer {
    error(&ErrorPage {
        status: StatusCode::BAD_REQUEST,
        title: "The application made a mistake",
        sentence: "Go back to it and start again. If it happens again, tell its makers what stands below.",
        code: Some("invalid_request"),
        detail: Some(sentence),
    })
}
