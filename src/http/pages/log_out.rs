//! Signing out.

use maud::html;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::answer::PageAnswer;
use super::layout::{Application, form};
use crate::http::kit::browser::{Browser, BrowserForm, PageForm};

/// What the page says.
pub struct LogOut<'a> {
    /// The application that asks, if one does.
    pub application: Option<Application<'a>>,
    /// What comes back with the form as `request`.
    pub request: &'a str,
    /// Who is signed in.
    pub email: &'a str,
}

/// What comes back.
#[derive(ToSchema)]
#[expect(dead_code, reason = "its members are the form's documentation")]
pub struct LogOutForm {
    /// The form's own token.
    form_token: String,
    /// What the page was given.
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

    /// Which it was. Nothing but the word signs out.
    pub fn of(form: &BrowserForm<LogOutForm>) -> Self {
        if form.get("choice") == Some(Self::LOG_OUT) { Self::LogOut } else { Self::Stay }
    }
}

/// Asks whether somebody wants to sign out; goes to `POST confirm-logout`.
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
            p.lead { strong { (application.called()) } " asks to sign you out." }
        }
        p { "You are signed in as " strong { bdi { (email) } } ". Once you have signed out, this browser no longer opens your account." }
        (form::<LogOutForm>(browser, "confirm-logout", &content))
    };
    PageAnswer::new("Sign out", body).for_browser(browser)
}

/// Says that somebody is signed out.
pub fn logged_out() -> PageAnswer {
    let body = html! {
        h1 { "You are signed out" }
        p { "This browser no longer opens your account. Until next time." }
    };
    PageAnswer::new("Signed out", body)
}

/// Says that nothing happened.
pub fn still_logged_in() -> PageAnswer {
    let body = html! {
        h1 { "You are still signed in" }
        p { "Nothing was changed. You can close this page." }
    };
    PageAnswer::new("Still signed in", body)
}
