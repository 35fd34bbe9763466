//! The sign-in page.

use actix_web::http::StatusCode;
use maud::html;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::password_field::{PasswordField, password_field};
use super::{Application, PageAnswer, form};
use crate::http::kit::{Browser, BrowserForm, PageForm};

/// Content of the sign-in page.
pub struct LogIn<'a> {
    /// The application that requests the sign-in.
    pub application: Application<'a>,
    /// The value of the form's `request` field.
    pub request: &'a str,
    /// The initial value of the e-mail field: the application's hint, or the user's last input.
    pub email: &'a str,
    /// The error of the last attempt.
    pub error: Option<LogInError>,
    /// The authorization request with which a new user signs up, where registration is open.
    pub sign_up: Option<&'a str>,
    /// True where a link for a new password can be mailed.
    pub sends_mail: bool,
}

/// Error of a sign-in attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogInError {
    /// No active account has this e-mail and this password.
    Wrong,
    /// The queue of the password hashes is full.
    Busy,
    /// There were too many wrong passwords.
    TooMany,
}

/// The fields of the sign-in form.
#[derive(ToSchema)]
#[expect(dead_code, reason = "its members are the form's documentation")]
pub struct LogInForm {
    /// The CSRF token of the form.
    form_token: String,
    /// The authorization request, as the page received it.
    request: String,
    /// The account's e-mail address.
    email: Option<String>,
    /// The account's password.
    #[schema(format = "password")]
    password: Option<String>,
    /// `yes` when the browser keeps the session after it ends.
    stay: Option<String>,
    /// `log-in` or `cancel`.
    choice: String,
}

/// Field of the choice to stay signed in.
pub const STAY_SIGNED_IN: &str = "stay";

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
    /// Return to the application.
    Cancel,
}

impl LogInChoice {
    const LOG_IN: &'static str = "log-in";
    const CANCEL: &'static str = "cancel";

    /// Returns the button that was pressed. Some programs send a form without its button.
    pub fn of(form: &BrowserForm<LogInForm>) -> Self {
        if form.get("choice") == Some(Self::CANCEL) { Self::Cancel } else { Self::LogIn }
    }
}

/// Renders the sign-in page, whose form goes to `POST login`. A wrong password is 403, so that no browser
/// offers to save it.
pub fn log_in(browser: &Browser, page: &LogIn<'_>) -> PageAnswer {
    let LogIn { application, request, email, error, sign_up, sends_mail } = page;
    let (wrong, error_id) = (*error == Some(LogInError::Wrong), error.map(|_| "error"));
    // The field that gets the focus.
    let in_password = !email.is_empty();
    let content = html! {
        input type="hidden" name="request" value=(request);
        @match error {
            Some(LogInError::Wrong) => p.alert #error role="alert" { "The e-mail address or the password is wrong." },
            Some(LogInError::Busy) => p.alert #error role="alert" {
                "Too many people are signing in at the moment. Please try again soon."
            },
            Some(LogInError::TooMany) => p.alert #error role="alert" {
                "There were too many wrong passwords. Please try again in 15 minutes."
            },
            None => {},
        }
        div.field {
            label for="email" { "E-mail" }
            input #email type="text" name="email" value=(email) required inputmode="email"
                autocomplete="username" autocapitalize="none" spellcheck="false" dir="auto"
                aria-invalid=[wrong.then_some("true")] autofocus[!in_password];
        }
        (password_field(&PasswordField {
            label: "Password",
            is_new: false,
            is_invalid: wrong,
            error: error_id,
            has_focus: in_password,
        }))
        div.check {
            input #stay type="checkbox" name=(STAY_SIGNED_IN) value="yes";
            label for="stay" { "Stay signed in on this device" }
        }
        div.choices {
            // The Enter key presses the first button.
            button.primary type="submit" name="choice" value=(LogInChoice::LOG_IN) { "Sign in" }
            button type="submit" name="choice" value=(LogInChoice::CANCEL) formnovalidate { "Cancel" }
        }
    };
    let body = html! {
        h1 { "Sign in" }
        p.lead { "Sign in to continue to " strong { (application.display_name()) } "." }
        (form::<LogInForm>(browser, &format!("login?{request}"), &content))
        @if *sends_mail {
            p.note { a href={ "forgot-password?" (request) } { "Forgot your password?" } }
        }
        @if let Some(sign_up) = sign_up {
            p.note { "No account yet? " a href={ "authorize?" (sign_up) } { "Create one" } }
        }
        p.note { "Only " (browser.service()) " gets your password. The application never sees it." }
    };
    let status = match error {
        Some(LogInError::Wrong) => StatusCode::FORBIDDEN,
        Some(LogInError::Busy) => StatusCode::SERVICE_UNAVAILABLE,
        Some(LogInError::TooMany) => StatusCode::TOO_MANY_REQUESTS,
        None => StatusCode::OK,
    };
    PageAnswer::new("Sign in", body).with_status(status).for_browser(browser).with_password_field()
}
