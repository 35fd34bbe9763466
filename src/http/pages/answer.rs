//! Pages and redirects as responses.

use std::borrow::Cow;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};
use url::Url;
use utoipa::openapi::schema::Type;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};

use super::Destination;
use super::layout::{PageContext, document};
use super::password_field;
use crate::domain::sha256;
use crate::http::kit::{Answer, AnswerDescription, Browser, Call, Code, Description, Problem, SetCookie};

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// Browser features that no page uses.
const NO_PERMISSIONS: &str =
    "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()";

/// A page with its security headers: it loads nothing from other sites, cannot be framed, and is not cached. It runs no
/// script but one of two that are part of this program: the button that shows a password, and the one that passes a form
/// on.
///
/// There is no `Cross-Origin-Opener-Policy`: an application that opens the sign-in page in a window waits
/// until that window closes. With any such policy, the application would see the window as closed at once.
#[must_use]
pub struct PageAnswer {
    status: StatusCode,
    title: String,
    body: Markup,
    /// Relative path to the files of the pages.
    files: Cow<'static, str>,
    cache_control: &'static str,
    form_action: String,
    shows_request_id: bool,
    leads_home: bool,
    referrer_policy: &'static str,
    script: Option<&'static str>,
    cookies: Vec<SetCookie>,
}

impl PageAnswer {
    /// Makes a page below `/oauth/`. It cannot send a form.
    pub fn new(title: impl Into<String>, body: Markup) -> Self {
        Self {
            status: StatusCode::OK,
            title: title.into(),
            body,
            files: Cow::Borrowed(""),
            cache_control: "no-store",
            form_action: "'none'".to_owned(),
            shows_request_id: false,
            leads_home: false,
            // With `no-referrer`, a browser sends a form with `Origin: null`.
            referrer_policy: "same-origin",
            script: None,
            cookies: Vec::new(),
        }
    }

    /// Allows the page to send a form, and sets the cookie of the form's CSRF token in this browser.
    pub fn for_browser(mut self, browser: &Browser) -> Self {
        self.form_action = "'self'".to_owned();
        self.cookies.extend(browser.new_cookie());
        self
    }

    /// Allows a redirect to the destination after the form.
    pub fn may_redirect_to(mut self, destination: &Destination) -> Self {
        self.form_action = format!("{} {}", self.form_action, destination.form_action());
        self
    }

    /// Allows the page to send a form to the destination alone, and runs this script, the only one that may run.
    pub(super) fn sending_to(self, destination: &Destination, script: &'static str) -> Self {
        Self { form_action: destination.form_action(), script: Some(script), ..self }
    }

    /// Runs the script of the button that shows a password, the only one that may run.
    pub(super) fn with_password_field(self) -> Self {
        Self { script: Some(password_field::SCRIPT), ..self }
    }

    /// Hides the URL of the page, which has the token of a link, from whatever the page leads to.
    pub(super) fn without_referrer(self) -> Self {
        Self { referrer_policy: "no-referrer", ..self }
    }

    /// Sets the status.
    pub fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// Adds a cookie.
    pub fn with_cookie(mut self, cookie: SetCookie) -> Self {
        self.cookies.push(cookie);
        self
    }

    /// Shows the id of the request, which is in the log too.
    pub(super) fn showing_request_id(self) -> Self {
        Self { shows_request_id: true, ..self }
    }

    /// Ends the page with a link to the operator's application, if one is set. For a page that leads nowhere else.
    pub(super) fn leading_home(self) -> Self {
        Self { leads_home: true, ..self }
    }

    /// Makes it a page outside `/oauth/` that caches may keep for an hour.
    pub(super) fn public_at(self, files: &'static str) -> Self {
        Self { files: files.into(), cache_control: "public, max-age=3600", ..self }
    }

    /// Makes it a page that is opened at this path.
    pub(super) fn opened_at(self, path: &str) -> Self {
        let depth = path.matches('/').count().saturating_sub(1);
        Self { files: format!("{}oauth/", "../".repeat(depth)).into(), ..self }
    }

    /// Renders the page.
    pub(crate) fn render(self, context: &PageContext<'_>) -> HttpResponse {
        let request = self.shows_request_id.then_some(context.request_id);
        let home = context.home.filter(|_| self.leads_home).map(way_home);
        let body = html! { (self.body) @if let Some(link) = home { (link) } };
        let html = document(context.service, &self.title, &self.files, &body, self.script, request);
        let script = self
            .script
            .map(|script| format!("script-src 'sha256-{}'; ", STANDARD.encode(sha256(script.as_bytes()))));
        let mut response = HttpResponse::build(self.status);
        let policy = format!(
            "default-src 'none'; style-src 'self'; img-src 'self'; {}form-action {}; \
             frame-ancestors 'none'; base-uri 'none'",
            script.unwrap_or_default(),
            self.form_action
        );
        response
            .content_type("text/html; charset=utf-8")
            .insert_header((header::CONTENT_SECURITY_POLICY, policy))
            .insert_header((header::X_FRAME_OPTIONS, "DENY"))
            .insert_header((header::REFERRER_POLICY, self.referrer_policy))
            .insert_header((PERMISSIONS_POLICY, NO_PERMISSIONS))
            .insert_header((header::CACHE_CONTROL, self.cache_control));
        set_cookies(&mut response, &self.cookies);
        response.body(html.into_string())
    }
}

/// Renders the link to the operator's application.
fn way_home(home: &Url) -> Markup {
    let host = home.host_str().unwrap_or_default();
    html! { div.choices { a.button href=(home) { "Go to " bdi { (host) } } } }
}

fn set_cookies(response: &mut actix_web::HttpResponseBuilder, cookies: &[SetCookie]) {
    for cookie in cookies {
        response.append_header((header::SET_COOKIE, cookie.as_str()));
    }
}

impl Answer for PageAnswer {
    const FOR_PEOPLE: bool = true;

    fn respond(self, call: &Call) -> HttpResponse {
        let services = call.services();
        self.render(&PageContext {
            service: services.name,
            home: services.home.as_ref(),
            request_id: &call.request_id(),
        })
    }

    fn describe(description: &mut Description) {
        let text: RefOr<Schema> = ObjectBuilder::new().schema_type(Type::String).into();
        description.answers.push(AnswerDescription {
            status: 200,
            meaning: "A page",
            content: Some(("text/html", text)),
            headers: &["Content-Security-Policy", "Set-Cookie"],
        });
    }
}

/// 303: a redirect that the browser follows with GET (RFC 9110 §15.4.4).
#[must_use]
pub struct SeeOther {
    location: String,
    cookies: Vec<SetCookie>,
}

impl SeeOther {
    /// Makes a redirect to this URL, which must be normalized ASCII. The caller of this function must have
    /// checked it.
    pub fn to(location: impl Into<String>) -> Self {
        Self { location: location.into(), cookies: Vec::new() }
    }

    /// Adds a cookie.
    pub fn with_cookie(mut self, cookie: SetCookie) -> Self {
        self.cookies.push(cookie);
        self
    }
}

impl Answer for SeeOther {
    const FOR_PEOPLE: bool = true;

    fn respond(self, call: &Call) -> HttpResponse {
        let Ok(location) = HeaderValue::try_from(self.location) else {
            log::error!(request_id:% = call.request_id(); "the redirect location is not a valid header value");
            return call.answer(Problem::new(Code::Internal));
        };
        let mut response = HttpResponse::SeeOther();
        response
            .insert_header((header::LOCATION, location))
            // The target must learn nothing but its own URL.
            .insert_header((header::REFERRER_POLICY, "no-referrer"));
        set_cookies(&mut response, &self.cookies);
        response.finish()
    }

    fn describe(description: &mut Description) {
        description.answers.push(AnswerDescription {
            status: 303,
            meaning: "A redirect",
            content: None,
            headers: &["Location", "Set-Cookie"],
        });
    }
}

/// A page or a redirect.
#[must_use]
pub enum BrowserAnswer {
    /// A page.
    Page(PageAnswer),
    /// A redirect.
    SeeOther(SeeOther),
}

impl BrowserAnswer {
    /// Adds a cookie.
    pub fn with_cookie(self, cookie: SetCookie) -> Self {
        match self {
            Self::Page(page) => Self::Page(page.with_cookie(cookie)),
            Self::SeeOther(other) => Self::SeeOther(other.with_cookie(cookie)),
        }
    }
}

impl From<PageAnswer> for BrowserAnswer {
    fn from(page: PageAnswer) -> Self {
        Self::Page(page)
    }
}

impl From<SeeOther> for BrowserAnswer {
    fn from(other: SeeOther) -> Self {
        Self::SeeOther(other)
    }
}

impl Answer for BrowserAnswer {
    const FOR_PEOPLE: bool = true;

    fn respond(self, call: &Call) -> HttpResponse {
        match self {
            Self::Page(page) => page.respond(call),
            Self::SeeOther(other) => other.respond(call),
        }
    }

    fn describe(description: &mut Description) {
        PageAnswer::describe(description);
        SeeOther::describe(description);
    }
}
