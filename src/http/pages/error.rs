//! Error pages for users, and explanations of problem codes for developers.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use maud::{Markup, html};

use super::PageAnswer;
use super::layout::{PageContext, shortened};
use crate::http::kit::{Code, ProblemContext};

/// Longest detail that a page shows, in characters.
const LONGEST_DETAIL: usize = 200;

/// Content of an error page.
pub struct ErrorPage<'a> {
    /// The status.
    pub status: StatusCode,
    /// The error in a few words.
    pub title: &'a str,
    /// The advice to the user.
    pub sentence: &'a str,
    /// The error of RFC 6749 §4.1.2.1, for the application's developer.
    pub code: Option<&'a str>,
    /// The exact cause, for the application's developer. It must be a text of cloakroom, never one that an
    /// attacker can choose.
    pub detail: Option<&'a str>,
}

/// Renders an error page. It shows the request's id, which is in the log too.
pub fn error(page: &ErrorPage<'_>) -> PageAnswer {
    let ErrorPage { status, title, sentence, code, detail } = page;
    let body = html! {
        h1 { (title) }
        p { (sentence) }
        @if code.is_some() || detail.is_some() {
            dl.facts.small {
                @if let Some(code) = code { div { dt { "Error" } dd { code { (shortened(code, 64)) } } } }
                @if let Some(detail) = detail { div { dt { "Detail" } dd { (with_code(&shortened(detail, LONGEST_DETAIL))) } } }
            }
        }
    };
    PageAnswer::new(*title, body).with_status(*status).showing_request_id().leading_home()
}

/// Renders a problem as a page.
pub(crate) fn render_problem(code: Code, detail: Option<&str>, context: &ProblemContext<'_>) -> HttpResponse {
    let page = match code {
        Code::UnknownPath => no_such_page().opened_at(context.path),
        code => of_problem(code, detail),
    };
    let ProblemContext { service, home, request_id, .. } = *context;
    page.render(&PageContext { service, home, request_id })
}

fn of_problem(code: Code, detail: Option<&str>) -> PageAnswer {
    let (title, sentence) = match code {
        Code::Busy => ("We are busy", "Please wait a moment, then go back and try again."),
        Code::Unavailable => (
            "Temporarily unavailable",
            "Nothing was changed. Please wait a moment, then go back and try again.",
        ),
        Code::ForeignForm => return refused_form(detail),
        Code::RegistrationClosed => (
            "Registration is closed",
            "You cannot create an account here yourself. Ask the operator of this service for one.",
        ),
        Code::RequestTimeout => {
            ("That took too long", "Your input did not arrive in time. Please go back and send it again.")
        }
        _ if code.status().is_server_error() => (
            "Something went wrong",
            "This is not your fault. Please try again later. If it happens again, send the request number below to the operator.",
        ),
        _ => (
            "The application made a mistake",
            "Its request is not valid. Go back to the application and start again. If it happens again, send the details below to its developers.",
        ),
    };
    error(&ErrorPage { status: code.status(), title, sentence, code: Some(code.oauth()), detail })
}

/// The page for an address that no page has. A person gets here by a typing mistake, or by opening the address of the
/// service itself.
fn no_such_page() -> PageAnswer {
    error(&ErrorPage {
        status: Code::UnknownPath.status(),
        title: "There is no page here",
        sentence: "You sign in from the application that you want to use. Open the application, and sign in there.",
        code: None,
        detail: None,
    })
}

/// The page for a form that this browser must get anew. The link opens the address of the form with GET, and with it
/// its request starts again. It leads to no other site.
fn refused_form(detail: Option<&str>) -> PageAnswer {
    let body = html! {
        h1 { "This page has expired" }
        p { "It was open for too long, or the browser was closed in the meantime. Nothing was changed." }
        @if let Some(detail) = detail {
            dl.facts.small { div { dt { "Detail" } dd { (with_code(&shortened(detail, LONGEST_DETAIL))) } } }
        }
        div.choices { a.button.primary href="" { "Start again" } }
        p.note { "If this happens again, allow cookies for this site, or go back to the application." }
    };
    PageAnswer::new("This page has expired", body)
        .with_status(Code::ForeignForm.status())
        .showing_request_id()
}

/// The page for a form's address that does not say what was requested.
pub fn expired() -> PageAnswer {
    error(&ErrorPage {
        status: StatusCode::BAD_REQUEST,
        title: "This page has expired",
        sentence: "Nothing was changed. Go back to the application and start again.",
        code: None,
        detail: None,
    })
}

/// Renders the explanation of a problem code, at the `type` URL of a problem document.
pub fn explanation(code: Code) -> PageAnswer {
    let body: Markup = html! {
        p.code { code { (code.status().as_u16()) " " (code.as_str()) } }
        h1 { (code.title()) }
        p { (with_code(code.meaning())) }
        p { a href="../problems" { "All problem codes" } }
    };
    PageAnswer::new(code.title(), body).public_at("../oauth/")
}

/// Renders the list of all problem codes.
pub fn explanations(own: &[Code]) -> PageAnswer {
    let body = html! {
        h1 { "Problem codes" }
        dl.facts.small {
            @for code in Code::ALL.iter().chain(own) {
                div {
                    dt { a href={ "problems/" (code.as_str()) } { code { (code.status().as_u16()) " " (code.as_str()) } } }
                    dd { (code.title()) }
                }
            }
        }
    };
    PageAnswer::new("Problem codes", body).public_at("oauth/")
}

/// Renders what stands between two backticks as code.
fn with_code(text: &str) -> Markup {
    html! {
        @for (place, part) in text.split('`').enumerate() {
            @if place % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}
