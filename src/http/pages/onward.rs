//! The way back to an application after a form.

use actix_web::http::StatusCode;
use maud::html;

use super::answer::{BrowserAnswer, PageAnswer, SeeOther};
use super::destination::Destination;
use super::error::{ErrorPage, error};
use super::layout::Application;

/// Leads on to this URL, which was checked. To a site by a page of ours that goes there at once:
/// it ends the submission, so that the policy of the form's page does not reach the redirects of
/// the application. To an app on the device by a redirect, which the touch of the button still
/// covers; the page of the form is then made [`leading to`](PageAnswer::leading_to) it.
pub fn onward(url: &str, application: Application<'_>) -> BrowserAnswer {
    let Some(destination) = Destination::of(url) else {
        return error(&ErrorPage {
            status: StatusCode::BAD_REQUEST,
            title: "There is no way back",
            sentence: "The application asked to be reached at an address that leads nowhere.",
            code: Some("invalid_request"),
            detail: None,
        })
        .into();
    };
    if destination.app_scheme().is_some() {
        return SeeOther::to(url).into();
    }
    let body = html! {
        h1 { "You are on your way" }
        p { "You are being taken to " strong { (application.called()) } "." }
        p { a.button href=(url) { "Go on to " bdi { (destination.shown()) } } }
    };
    PageAnswer::new("On your way", body).refreshing(url).into()
}
