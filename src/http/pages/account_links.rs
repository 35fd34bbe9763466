//! The pages of mailed links, and the one that requests a link. Opening a link changes nothing, because mail scanners
//! open links too: each page has a button, and only its form spends the token.

use actix_web::http::StatusCode;
use maud::{Markup, html};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::password_field::{PasswordField, password_field};
use super::{PageAnswer, form};
use crate::http::kit::{Browser, PageForm};

/// Field of the token of a link.
pub const LINK_TOKEN: &str = "token";

macro_rules! forms {
    ($($(#[$meaning:meta])* $name:ident: $purpose:literal { $($(#[$field_meaning:meta])* $field:ident: $value:literal),* })*) => {$(
        $(#[$meaning])*
        #[derive(ToSchema)]
        #[expect(dead_code, reason = "its members are the form's documentation")]
        pub struct $name {
            /// The CSRF token of the form.
            form_token: String,
            $($(#[$field_meaning])* $field: String,)*
        }

        impl PageForm for $name {
            const PURPOSE: &'static str = $purpose;

            fn example() -> Value {
                json!({ "form_token": "q1Zk…", $(stringify!($field): $value),* })
            }
        }
    )*};
}

forms! {
    /// The form that requests a link for a new password.
    ForgottenPasswordForm: "forgotten-password" {
        /// The e-mail address of the account.
        email: "ada@example.com"
    }
    /// The form that sets a new password.
    ResetPasswordForm: "reset-password" {
        /// The token of the link.
        token: "q1Zk…",
        /// The new password.
        password: "a most unusual passphrase"
    }
    /// The form that sets the first password.
    InvitationForm: "accept-invitation" {
        /// The token of the link.
        token: "q1Zk…",
        /// The password.
        password: "a most unusual passphrase"
    }
    /// The form that proves an address.
    VerifyEmailForm: "verify-email" {
        /// The token of the link.
        token: "q1Zk…"
    }
    /// The form that undoes a change of the address.
    UndoEmailChangeForm: "undo-email-change" {
        /// The token of the link.
        token: "q1Zk…"
    }
}

/// Words of a page of a mailed link.
pub struct LinkWords {
    /// Path of the page below `/oauth/`.
    pub path: &'static str,
    title: &'static str,
    explanation: &'static str,
    button: &'static str,
    done: &'static str,
    next: &'static str,
}

/// A new password instead of a forgotten one.
pub const RESET_PASSWORD: LinkWords = LinkWords {
    path: "reset-password",
    title: "Set a new password",
    explanation: "All devices are signed out when you set it.",
    button: "Set the password",
    done: "Your password is set",
    next: "Go back to the application, and sign in with your new password.",
};

/// The first password.
pub const ACCEPT_INVITATION: LinkWords = LinkWords {
    path: "accept-invitation",
    title: "Welcome",
    explanation: "Choose a password for your account.",
    button: "Set the password",
    done: "Your account is ready",
    next: "Open the application, and sign in with your e-mail address and your new password.",
};

/// The proof of an address.
pub const VERIFY_EMAIL: LinkWords = LinkWords {
    path: "verify-email",
    title: "Confirm your e-mail address",
    explanation: "Press the button if the account that our mail names is yours.",
    button: "Confirm the address",
    done: "Your e-mail address is confirmed",
    next: "You can close this page.",
};

/// The way back from a change of the address.
pub const UNDO_EMAIL_CHANGE: LinkWords = LinkWords {
    path: "undo-email-change",
    title: "Undo the change of your e-mail address",
    explanation: "The old address is restored, and all devices are signed out.",
    button: "Undo the change",
    done: "The old address is restored",
    next: "All devices are signed out. Set a new password now, because another person may know the old one.",
};

/// Error of a form with a new password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewPasswordError {
    /// The password breaks this rule.
    Rule(String),
    /// The queue of the password hashes is full.
    Busy,
}

/// Renders the page that requests a link for a new password. `request` is the authorization request to which the user
/// returns.
pub fn forgotten_password(browser: &Browser, request: &str, email: &str, error: Option<&str>) -> PageAnswer {
    let content = html! {
        @if let Some(rule) = error {
            p.alert #error role="alert" { "The e-mail address " (rule) "." }
        }
        div.field {
            label for="email" { "E-mail" }
            input #email type="text" name="email" value=(email) required inputmode="email"
                autocomplete="username" autocapitalize="none" spellcheck="false" dir="auto" autofocus
                aria-invalid=[error.map(|_| "true")] aria-describedby=[error.map(|_| "error")];
        }
        div.choices { button.primary type="submit" { "Send the link" } }
    };
    let body = html! {
        h1 { "Forgot your password?" }
        p.lead { "We send you a link with which you set a new one." }
        (form::<ForgottenPasswordForm>(browser, &format!("forgot-password?{request}"), &content))
        (back_to_sign_in(request))
    };
    let status = error.map_or(StatusCode::OK, |_| StatusCode::UNPROCESSABLE_ENTITY);
    PageAnswer::new("Forgot your password?", body).with_status(status).for_browser(browser)
}

/// Renders the page after a request for a link. It is the same for every address.
pub fn link_requested(request: &str, email: &str) -> PageAnswer {
    mail_follows(
        request,
        &html! {
            "If there is an account with the address " strong { bdi { (email) } }
            ", a mail with a link is on its way. The link is valid for one hour."
        },
    )
}

/// Renders the page after a registration whose address must be proved. It is the same for every address.
pub fn registration_requested(request: &str, email: &str) -> PageAnswer {
    mail_follows(
        request,
        &html! {
            "We sent a mail to " strong { bdi { (email) } }
            ". Open the link in it to create your account. Then sign in."
        },
    )
}

fn mail_follows(request: &str, sentence: &Markup) -> PageAnswer {
    let body = html! {
        h1 { "Look into your mailbox" }
        p { (sentence) }
        p.note { "No mail? Look into the folder for spam, or check the address." }
        (back_to_sign_in(request))
    };
    let page = PageAnswer::new("Look into your mailbox", body);
    if request.is_empty() { page.leading_home() } else { page }
}

fn back_to_sign_in(request: &str) -> Markup {
    html! { @if !request.is_empty() { p.note { a href={ "authorize?" (request) } { "Back to sign-in" } } } }
}

/// Renders the page of a link for a password.
pub fn new_password<F: PageForm>(
    browser: &Browser,
    words: &LinkWords,
    token: &str,
    error: Option<&NewPasswordError>,
) -> PageAnswer {
    let rule = matches!(error, Some(NewPasswordError::Rule(_)));
    let content = html! {
        input type="hidden" name=(LINK_TOKEN) value=(token);
        @match error {
            Some(NewPasswordError::Rule(rule)) => p.alert #error role="alert" { "The password " (rule) "." },
            Some(NewPasswordError::Busy) => p.alert #error role="alert" {
                "Too many people are signing in at the moment. Please try again soon."
            },
            None => {},
        }
        (password_field(&PasswordField {
            label: "New password",
            is_new: true,
            is_invalid: rule,
            error: rule.then_some("error"),
            has_focus: true,
        }))
        div.choices { button.primary type="submit" { (words.button) } }
    };
    let status = match error {
        Some(NewPasswordError::Rule(_)) => StatusCode::UNPROCESSABLE_ENTITY,
        Some(NewPasswordError::Busy) => StatusCode::SERVICE_UNAVAILABLE,
        None => StatusCode::OK,
    };
    page_of_link::<F>(browser, words, token, &content).with_status(status).with_password_field()
}

/// Renders the page of a link that is confirmed by a button.
pub fn confirmation<F: PageForm>(browser: &Browser, words: &LinkWords, token: &str) -> PageAnswer {
    let content = html! {
        input type="hidden" name=(LINK_TOKEN) value=(token);
        div.choices { button.primary type="submit" autofocus { (words.button) } }
    };
    page_of_link::<F>(browser, words, token, &content)
}

fn page_of_link<F: PageForm>(
    browser: &Browser,
    words: &LinkWords,
    token: &str,
    content: &Markup,
) -> PageAnswer {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair(LINK_TOKEN, token).finish();
    let body = html! {
        h1 { (words.title) }
        p.lead { (words.explanation) }
        (form::<F>(browser, &format!("{}?{query}", words.path), content))
    };
    PageAnswer::new(words.title, body).for_browser(browser).without_referrer()
}

/// Renders the page after a link was used.
pub fn link_used(words: &LinkWords, offers_reset: bool) -> PageAnswer {
    let body = html! {
        h1 { (words.done) }
        p { (words.next) }
        @if offers_reset { div.choices { a.button.primary href="forgot-password" { "Set a new password" } } }
    };
    let page = PageAnswer::new(words.done, body).without_referrer();
    if offers_reset { page } else { page.leading_home() }
}

/// Way on from a link that has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewLink {
    /// The page of a forgotten password mails a new one.
    ForgottenPassword,
    /// The application requests a new one.
    Application,
    /// There is no second way back from a change of the address.
    None,
}

/// Renders the page of a link that has no effect: wrong, used or expired alike.
pub fn invalid_link(way: NewLink) -> PageAnswer {
    let body = html! {
        h1 { "This link is not valid" }
        p { "It was used already, it has expired, or a part of it is missing. Nothing was changed." }
        @match way {
            NewLink::ForgottenPassword => div.choices {
                a.button.primary href="forgot-password" { "Request a new link" }
            },
            NewLink::Application => p { "Sign in to the application, and request a new link there." },
            NewLink::None => p {
                "If another person changed your address, ask the operator of this service for help."
            },
        }
    };
    let page = PageAnswer::new("This link is not valid", body)
        .with_status(StatusCode::BAD_REQUEST)
        .without_referrer();
    if way == NewLink::ForgottenPassword { page } else { page.leading_home() }
}
