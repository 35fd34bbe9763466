//! The sign-up page.

use actix_web::http::StatusCode;
use maud::html;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::password_field::{PasswordField, password_field};
use super::{Application, PageAnswer, form};
use crate::http::kit::{Browser, BrowserForm, PageForm};

/// Content of the sign-up page.
pub struct SignUp<'a> {
    /// The application that the user continues to.
    pub application: Application<'a>,
    /// The value of the form's `request` field.
    pub request: &'a str,
    /// The authorization request, with which a user who has an account signs in.
    pub log_in: &'a str,
    /// The initial value of the e-mail field: the application's hint, or the user's last input.
    pub email: &'a str,
    /// The error of the last attempt.
    pub error: Option<SignUpError>,
}

/// Error of an attempt to sign up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignUpError {
    /// The address breaks this rule.
    Email(String),
    /// The password breaks this rule.
    Password(String),
    /// An account has this address.
    Taken,
    /// The queue of the password hashes is full.
    Busy,
    /// There were too many registrations from this address.
    TooMany,
}

/// The fields of the sign-up form.
#[derive(ToSchema)]
#[expect(dead_code, reason = "its members are the form's documentation")]
pub struct SignUpForm {
    /// The CSRF token of the form.
    form_token: String,
    /// The authorization request, as the page received it.
    request: String,
    /// The e-mail address of the new account.
    email: Option<String>,
    /// The password of the new account.
    #[schema(format = "password")]
    password: Option<String>,
    /// `sign-up` or `cancel`.
    choice: String,
}

impl PageForm for SignUpForm {
    const PURPOSE: &'static str = "sign-up";

    fn example() -> Value {
        json!({
            "form_token": "q1Zk…", "request": "…", "choice": "sign-up",
            "email": "grace@example.com", "password": "a most unusual passphrase",
        })
    }
}

/// The button that was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignUpChoice {
    /// Create the account.
    SignUp,
    /// Return to the application.
    Cancel,
}

impl SignUpChoice {
    const SIGN_UP: &'static str = "sign-up";
    const CANCEL: &'static str = "cancel";

    /// Returns the button that was pressed. Some programs send a form without its button.
    pub fn of(form: &BrowserForm<SignUpForm>) -> Self {
        if form.get("choice") == Some(Self::CANCEL) { Self::Cancel } else { Self::SignUp }
    }
}

impl SignUpError {
    fn sentence(&self) -> String {
        match self {
            Self::Email(rule) => format!("The e-mail address {rule}."),
            Self::Password(rule) => format!("The password {rule}."),
            Self::Taken => {
                "There is an account with this e-mail address already. Sign in with it.".to_owned()
            }
            Self::Busy => "Too many people are signing in at the moment. Please try again soon.".to_owned(),
            Self::TooMany => {
                "Too many accounts were created from here. Please try again in 15 minutes.".to_owned()
            }
        }
    }

    /// Returns the status. It is an error, so that no browser offers to save the password.
    fn status(&self) -> StatusCode {
        match self {
            Self::Email(_) | Self::Password(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Taken => StatusCode::CONFLICT,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
        }
    }
}

/// Renders the sign-up page, whose form goes to `POST sign-up`.
pub fn sign_up(browser: &Browser, page: &SignUp<'_>) -> PageAnswer {
    let SignUp { application, request, log_in, email, error } = page;
    let (in_email, in_password) = match error {
        Some(SignUpError::Email(_) | SignUpError::Taken) => (true, false),
        Some(SignUpError::Password(_)) => (false, true),
        Some(SignUpError::Busy | SignUpError::TooMany) | None => (false, false),
    };
    let focus_password = in_password || (!in_email && !email.is_empty());
    let content = html! {
        input type="hidden" name="request" value=(request);
        @if let Some(error) = error {
            p.alert #error role="alert" { (error.sentence()) }
        }
        div.field {
            label for="email" { "E-mail" }
            input #email type="text" name="email" value=(email) required inputmode="email"
                autocomplete="username" autocapitalize="none" spellcheck="false" dir="auto"
                aria-invalid=[in_email.then_some("true")] aria-describedby=[in_email.then_some("error")]
                autofocus[!focus_password];
        }
        (password_field(&PasswordField {
            label: "Password",
            is_new: true,
            is_invalid: in_password,
            error: in_password.then_some("error"),
            has_focus: focus_password,
        }))
        div.choices {
            // The Enter key presses the first button.
            button.primary type="submit" name="choice" value=(SignUpChoice::SIGN_UP) { "Create account" }
            button type="submit" name="choice" value=(SignUpChoice::CANCEL) formnovalidate { "Cancel" }
        }
    };
    let body = html! {
        h1 { "Create an account" }
        p.lead { "Create an account at " (browser.service()) " to continue to " strong { (application.display_name()) } "." }
        (form::<SignUpForm>(browser, &format!("sign-up?{request}"), &content))
        p.note { "You have an account? " a href={ "authorize?" (log_in) } { "Sign in" } }
    };
    let status = error.as_ref().map_or(StatusCode::OK, SignUpError::status);
    PageAnswer::new("Create an account", body).with_status(status).for_browser(browser).with_password_field()
}
