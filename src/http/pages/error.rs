//! What went wrong, said to a person; and what an error of the API means, said to a programmer.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use maud::{Markup, html};

use super::answer::PageAnswer;
use super::layout::{House, shortened};
use crate::http::kit::answer::Answer;
use crate::http::kit::call::Call;
use crate::http::kit::description::Description;
use crate::http::kit::problem::Code;

/// More characters of a detail than a page shows.
const LONGEST_DETAIL: usize = 200;

/// What the page says.
pub struct ErrorPage<'a> {
    /// The status.
    pub status: StatusCode,
    /// What went wrong, in a few words.
    pub title: &'a str,
    /// What the person can do about it.
    pub sentence: &'a str,
    /// The error of RFC 6749 §4.1.2.1, for whoever made the application.
    pub code: Option<&'a str>,
    /// What exactly is wrong, for the same people. Of ours: nothing that a stranger chose.
    pub detail: Option<&'a str>,
}

/// Something went wrong. The request's id, which the log knows too, stands below it by itself.
pub fn error(page: &ErrorPage<'_>) -> PageAnswer {
    let ErrorPage { status, title, sentence, code, detail } = page;
    let body = html! {
        h1 { (title) }
        p { (sentence) }
        @if code.is_some() || detail.is_some() {
            dl.facts.small {
                @if let Some(code) = code { div { dt { "Error" } dd { code { (shortened(code, 64)) } } } }
                @if let Some(detail) = detail { div { dt { "Detail" } dd { (shortened(detail, LONGEST_DETAIL)) } } }
            }
        }
    };
    PageAnswer::new(*title, body).with_status(*status).telling_its_request()
}

/// Renders a problem as a page, for a person in a browser.
pub(crate) fn render_problem(
    code: Code,
    detail: Option<&str>,
    service: &str,
    request_id: &str,
) -> HttpResponse {
    of_problem(code, detail).in_house(&House { service, request_id })
}

fn of_problem(code: Code, detail: Option<&str>) -> PageAnswer {
    let (title, sentence) = match code {
        Code::Busy => ("Too many people at once", "Please wait a moment, then go back and try again."),
        Code::Unavailable => (
            "We cannot look that up just now",
            "Nothing was changed. Please wait a moment, then go back and try again.",
        ),
        Code::ForeignForm => (
            "This page can no longer be used",
            "It was open for too long, or it was not opened from here. Go back to the application that you came from and start again.",
        ),
        Code::RequestTimeout => {
            ("That took too long", "Your answer did not arrive. Please go back and send it again.")
        }
        _ if code.status().is_server_error() => (
            "Something went wrong here",
            "It is not your fault. Please try again later. If it happens again, tell whoever runs this service the number below.",
        ),
        _ => (
            "The application made a mistake",
            "What it asked for cannot be answered. Go back to it and start again. If it happens again, tell its makers what stands below.",
        ),
    };
    error(&ErrorPage { status: code.status(), title, sentence, code: Some(code.oauth()), detail })
}

/// What the `type` of a problem document leads to. Its own errors stay problem documents.
pub struct Explanation(PageAnswer);

/// Explains an error of the API.
pub fn explanation(code: Code) -> Explanation {
    let body: Markup = html! {
        p.code { code { (code.status().as_u16()) " " (code.as_str()) } }
        h1 { (code.title()) }
        p { (code.meaning()) }
    };
    Explanation(PageAnswer::new(code.title(), body).public_at("../oauth/"))
}

impl Answer for Explanation {
    fn respond(self, call: &Call) -> HttpResponse {
        self.0.respond(call)
    }

    fn describe(description: &mut Description) {
        PageAnswer::describe(description);
    }
}
