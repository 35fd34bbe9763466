//! Signing in.

use actix_web::http::StatusCode;
use maud::html;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::answer::PageAnswer;
use super::layout::{Application, form};
use crate::http::kit::browser::{Browser, BrowserForm, PageForm};

/// What the page says.
pub struct LogIn<'a> {
    /// The application that asks.
    pub application: Application<'a>,
    /// What comes back with the form as `request`.
    pub request: &'a str,
    /// What stands in the field of the e-mail: a hint of the application, or what was typed before.
    pub email: &'a str,
    /// What went wrong before.
    pub error: Option<LogInError>,
}

/// Why somebody is not signed in yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogInError {
    /// No active account has this e-mail and this password.
    Wrong,
    /// The lane of the hashes is full.
    Busy,
    /// Too many passwords were wrong of late.
    TooMany,
}

/// What comes back.
#[derive(ToSchema)]
#[expect(dead_code, reason = "its members are the form's documentation")]
pub struct LogInForm {
    /// The form's own token.
    form_token: String,
    /// What the page was given.
    request: String,
    /// The account's address.
    email: Option<String>,
    /// The account's password.
    #[schema(format = "password")]
    password: Option<String>,
    /// `log-in` or `cancel`.
    choice: String,
}

impl PageForm for LogInForm {
    const PURPOSE: &'static str = "log-in";

    fn example() -> Value {
        json!({
            "form_token": "q1Zk…", "request": "…", "choice": "log-in",
            "email": "ada@example.com", "password": "a most unusual passphrase",
        })
    }
}

/// The button that was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogInChoice {
    /// Sign in.
    LogIn,
    /// Go back without it.
    Cancel,
}

impl LogInChoice {
    const LOG_IN: &'static str = "log-in";
    const CANCEL: &'static str = "cancel";

    /// Which it was; some programs send a form without its button.
    pub fn of(form: &BrowserForm<LogInForm>) -> Self {
        if form.get("choice") == Some(Self::CANCEL) { Self::Cancel } else { Self::LogIn }
    }
}

/// Signing in; goes to `POST login`. A wrong password is 403, so that no browser offers to keep it.
pub fn log_in(browser: &Browser, page: &LogIn<'_>) -> PageAnswer {
    let LogIn { application, request, email, error } = page;
    let (wrong, told) = (*error == Some(LogInError::Wrong), error.map(|_| "error"));
    // Where the typing goes on.
    let in_password = !email.is_empty();
    let content = html! {
        input type="hidden" name="request" value=(request);
        @match error {
            Some(LogInError::Wrong) => p.alert #error role="alert" { "E-mail or password is wrong." },
            Some(LogInError::Busy) => p.alert #error role="alert" {
                "Too many people are signing in at once. Please try again in a moment."
            },
            Some(LogInError::TooMany) => p.alert #error role="alert" {
                "Too many passwords were wrong. Please try again in a quarter of an hour."
            },
            None => {},
        }
        div.field {
            label for="email" { "E-mail" }
            input #email type="text" name="email" value=(email) required inputmode="email"
                autocomplete="username" autocapitalize="none" spellcheck="false" dir="auto"
                aria-invalid=[wrong.then_some("true")] autofocus[!in_password];
        }
        div.field {
            label for="password" { "Password" }
            input #password type="password" name="password" required autocomplete="current-password"
                aria-invalid=[wrong.then_some("true")] aria-describedby=[told] autofocus[in_password];
        }
        div.choices {
            // The first button is the one that the Enter key presses.
            button.primary type="submit" name="choice" value=(LogInChoice::LOG_IN) { "Sign in" }
            button type="submit" name="choice" value=(LogInChoice::CANCEL) formnovalidate { "Cancel" }
        }
    };
    let body = html! {
        h1 { "Sign in" }
        p.lead { strong { (application.called()) } " asks who you are." }
        (form::<LogInForm>(browser, "login", &content))
        p.note { "Your password goes to " (browser.service()) " alone. The application never sees it." }
    };
    let status = match error {
        Some(LogInError::Wrong) => StatusCode::FORBIDDEN,
        Some(LogInError::Busy) => StatusCode::SERVICE_UNAVAILABLE,
        Some(LogInError::TooMany) => StatusCode::TOO_MANY_REQUESTS,
        None => StatusCode::OK,
    };
    PageAnswer::new("Sign in", body).with_status(status).for_browser(browser)
}
