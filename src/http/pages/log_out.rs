//! The sign-out pages.

use maud::html;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{Application, PageAnswer, form};
use crate::http::kit::{Browser, BrowserForm, PageForm};

/// Content of the sign-out page.
pub struct LogOut<'a> {
    /// The application that requests the sign-out, if there is one.
    pub application: Option<Application<'a>>,
    /// The value of the form's `request` field.
    pub request: &'a str,
    /// The address of the user who is signed in.
    pub email: &'a str,
}

/// The fields of the sign-out form.
#[derive(ToSchema)]
#[expect(dead_code, reason = "its members are the form's documentation")]
pub struct LogOutForm {
    /// The CSRF token of the form.
    form_token: String,
    /// The logout request, as the page received it.
    request: Option<String>,
    /// `log-out` or `stay`.
    choice: String,
}

impl PageForm for LogOutForm {
    const PURPOSE: &'static str = "log-out";

    fn example() -> Value {
        json!({ "form_token": "q1Zk…", "request": "…", "choice": "log-out" })
    }
}

/// The button that was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogOutChoice {
    /// Sign out.
    LogOut,
    /// Stay signed in.
    Stay,
}

impl LogOutChoice {
    const LOG_OUT: &'static str = "log-out";
    const STAY: &'static str = "stay";

    /// Returns the button that was pressed. Every value other than `log-out` stays signed in.
    pub fn of(form: &BrowserForm<LogOutForm>) -> Self {
        if form.get("choice") == Some(Self::LOG_OUT) { Self::LogOut } else { Self::Stay }
    }
}

/// Renders the page that asks for confirmation, whose form goes to `POST confirm-logout`.
pub fn log_out(browser: &Browser, page: &LogOut<'_>) -> PageAnswer {
    let LogOut { application, request, email } = page;
    let content = html! {
        input type="hidden" name="request" value=(request);
        div.choices {
            button.primary type="submit" name="choice" value=(LogOutChoice::LOG_OUT) { "Sign out" }
            button type="submit" name="choice" value=(LogOutChoice::STAY) { "Stay signed in" }
        }
    };
    let body = html! {
        h1 { "Sign out?" }
        @if let Some(application) = application {
            p.lead { strong { (application.display_name()) } " wants to sign you out." }
        }
        p { "You are signed in as " strong { bdi { (email) } } ". After you sign out, you need your password again in this browser." }
        (form::<LogOutForm>(browser, &format!("confirm-logout?{request}"), &content))
    };
    PageAnswer::new("Sign out", body).for_browser(browser)
}

/// Renders the page after a sign-out. `back` is an address of the application that requested it, if it is known.
pub fn logged_out(back: Option<&str>) -> PageAnswer {
    end("Signed out", "You are signed out", "You can close this page.", back)
}

/// Renders the page after the user chose to stay signed in, with the same `back`.
pub fn still_logged_in(back: Option<&str>) -> PageAnswer {
    let sentence = "Nothing was changed. You can close this page.";
    end("Still signed in", "You are still signed in", sentence, back)
}

fn end(title: &str, heading: &str, sentence: &str, back: Option<&str>) -> PageAnswer {
    let body = html! {
        h1 { (heading) }
        p { (sentence) }
        @if let Some(back) = back { div.choices { a.button href=(back) { "Back to the application" } } }
    };
    let page = PageAnswer::new(title, body);
    if back.is_some() { page } else { page.leading_home() }
}
