//! How a page, and the way to another one, become answers.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use maud::Markup;
use utoipa::openapi::schema::Type;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};

use super::destination::Destination;
use super::layout::{House, document};
use crate::http::kit::answer::Answer;
use crate::http::kit::browser::{Browser, SetCookie};
use crate::http::kit::call::Call;
use crate::http::kit::description::{AnswerDescription, Description};
use crate::http::kit::problem::{Code, Problem};

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// Nothing that a page of ours would ask for.
const NO_PERMISSIONS: &str =
    "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()";

/// A page, with the headers that keep it to itself: nothing from elsewhere is loaded, no script
/// runs, no other site frames it, and it is not kept.
///
/// There is no `Cross-Origin-Opener-Policy`: an application that opens the sign-in in a window of
/// its own waits for that window to close, and under any policy it would see it closed at once.
#[must_use]
pub struct PageAnswer {
    status: StatusCode,
    title: String,
    body: Markup,
    files: &'static str,
    cache_control: &'static str,
    form_action: String,
    tells_request: bool,
    cookies: Vec<SetCookie>,
}

impl PageAnswer {
    /// A page below `/oauth/`. It cannot send a form.
    pub fn new(title: impl Into<String>, body: Markup) -> Self {
        Self {
            status: StatusCode::OK,
            title: title.into(),
            body,
            files: "",
            cache_control: "no-store",
            form_action: "'none'".to_owned(),
            tells_request: false,
            cookies: Vec::new(),
        }
    }

    /// A page with a form, for this browser: it may send it, and gets the cookie that goes with it.
    pub fn for_browser(mut self, browser: &Browser) -> Self {
        self.form_action = "'self'".to_owned();
        self.cookies.extend(browser.new_cookie());
        self
    }

    /// After its form, a redirect may lead there.
    pub fn leading_to(mut self, destination: &Destination) -> Self {
        self.form_action = format!("{} {}", self.form_action, destination.form_action());
        self
    }

    /// The same page with another status.
    pub fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// The same page, which sets a cookie.
    pub fn with_cookie(mut self, cookie: SetCookie) -> Self {
        self.cookies.push(cookie);
        self
    }

    /// Says the id of the request, by which the log knows it.
    pub(super) fn telling_its_request(self) -> Self {
        Self { tells_request: true, ..self }
    }

    /// A page outside `/oauth/`, which anybody may keep for an hour.
    pub(super) fn public_at(self, files: &'static str) -> Self {
        Self { files, cache_control: "public, max-age=3600", ..self }
    }

    /// The answer.
    pub(crate) fn in_house(self, house: &House<'_>) -> HttpResponse {
        let request = self.tells_request.then_some(house.request_id);
        let html = document(house.service, &self.title, self.files, &self.body, request).into_string();
        let mut response = HttpResponse::build(self.status);
        let policy = format!(
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action {}; \
             frame-ancestors 'none'; base-uri 'none'",
            self.form_action
        );
        response
            .content_type("text/html; charset=utf-8")
            .insert_header((header::CONTENT_SECURITY_POLICY, policy))
            .insert_header((header::X_FRAME_OPTIONS, "DENY"))
            // Under `no-referrer` a browser says of a form that it comes from `null`.
            .insert_header((header::REFERRER_POLICY, "same-origin"))
            .insert_header((PERMISSIONS_POLICY, NO_PERMISSIONS))
            .insert_header((header::CACHE_CONTROL, self.cache_control));
        set_cookies(&mut response, &self.cookies);
        response.body(html)
    }
}

fn set_cookies(response: &mut actix_web::HttpResponseBuilder, cookies: &[SetCookie]) {
    for cookie in cookies {
        response.append_header((header::SET_COOKIE, cookie.as_str()));
    }
}

impl Answer for PageAnswer {
    const FOR_PEOPLE: bool = true;

    fn respond(self, call: &Call) -> HttpResponse {
        self.in_house(&House { service: call.services().name, request_id: &call.request_id() })
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

/// 303: the browser goes there with GET (RFC 9110 §15.4.4).
#[must_use]
pub struct SeeOther {
    location: String,
    cookies: Vec<SetCookie>,
}

impl SeeOther {
    /// To this URL, in ASCII as a parser writes it. It is checked by whoever sends somebody there.
    pub fn to(location: impl Into<String>) -> Self {
        Self { location: location.into(), cookies: Vec::new() }
    }

    /// The same, and sets a cookie.
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
            // What is at the other end learns no more than what the location says.
            .insert_header((header::REFERRER_POLICY, "no-referrer"));
        set_cookies(&mut response, &self.cookies);
        response.finish()
    }

    fn describe(description: &mut Description) {
        description.answers.push(AnswerDescription {
            status: 303,
            meaning: "It goes on elsewhere",
            content: None,
            headers: &["Location", "Set-Cookie"],
        });
    }
}

/// A page, or the way to another one.
#[must_use]
pub enum BrowserAnswer {
    /// A page.
    Page(PageAnswer),
    /// The way to another one.
    SeeOther(SeeOther),
}

impl BrowserAnswer {
    /// The same, and sets a cookie.
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
