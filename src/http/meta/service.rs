//! `/service`: what a page needs to know before it draws a form for signing in or up.

use std::sync::Arc;

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::domain::{FEWEST_IN_PASSWORD, MOST_IN_PASSWORD};
use crate::http::kit::{Problem, Public, Published, Services};

/// The service, as a page for signing in or up draws it.
#[derive(Serialize, ToSchema)]
#[schema(as = Service)]
pub struct ServiceView<'a> {
    /// The name of the service.
    #[schema(examples("cloakroom"))]
    name: &'a str,
    /// The URL of the service: the `iss` of its tokens, and the base of its paths.
    #[schema(format = "uri", examples("https://id.example.org"))]
    issuer: &'a str,
    /// The URL of its logo.
    #[schema(format = "uri", examples("https://id.example.org/oauth/mark.svg"))]
    logo: String,
    /// The languages of its pages (BCP 47).
    #[schema(value_type = Vec<String>, examples("en"))]
    languages: Vec<&'a str>,
    /// `open` or `verified` when a user can create an account: without a token by `POST /users`, or on the sign-up
    /// page.
    registration: RegistrationView,
    /// True when the server sends mail: a user who forgot the password gets a link by `POST /password-resets`.
    sends_mail: bool,
    /// The ways to sign in. None where the server issues no tokens.
    sign_in: Vec<SignInView>,
    /// The rules for a new password.
    password: PasswordRulesView,
}

/// State of the registration.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[schema(as = RegistrationState)]
#[serde(rename_all = "kebab-case")]
pub enum RegistrationView {
    /// Every caller can.
    Open,
    /// Every caller can, and the account exists once its address is proved by a mailed link.
    Verified,
    /// Only callers with `users:create` can.
    Closed,
}

/// A way to sign in.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[schema(as = SignInMethod)]
#[serde(rename_all = "kebab-case")]
pub enum SignInView {
    /// With e-mail address and password.
    Password,
}

/// The rules for a new password.
#[derive(Serialize, ToSchema)]
#[schema(as = PasswordRules)]
pub struct PasswordRulesView {
    /// The smallest number of code points after NFC normalization.
    #[schema(examples(8))]
    min: usize,
    /// The largest number of code points.
    #[schema(examples(256))]
    max: usize,
    /// True when a common password is refused. There are no rules of composition.
    refuses_common: bool,
}

/// `GET /service`
pub async fn read(_: Public, services: Arc<Services>) -> Result<Published<ServiceView<'static>>, Problem> {
    let Services { name, issuer_url, registration_open, issues_tokens, accounts, .. } = services.as_ref();
    let registration = match (*registration_open, accounts.proves_addresses) {
        (true, false) => RegistrationView::Open,
        (true, true) => RegistrationView::Verified,
        (false, _) => RegistrationView::Closed,
    };
    let view = ServiceView {
        name,
        issuer: issuer_url,
        logo: format!("{issuer_url}/oauth/mark.svg"),
        languages: vec!["en"],
        registration,
        sends_mail: accounts.sends_mail,
        sign_in: issues_tokens.then_some(SignInView::Password).into_iter().collect(),
        password: PasswordRulesView { min: FEWEST_IN_PASSWORD, max: MOST_IN_PASSWORD, refuses_common: true },
    };
    Ok(Published::from_bytes(json!(view).to_string().into(), "public, max-age=60"))
}
