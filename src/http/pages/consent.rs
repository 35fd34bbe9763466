//! The consent page: the user grants scopes to an application.

use maud::{Markup, html};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{Application, Destination, PageAnswer, form};
use crate::authz::Scope;
use crate::http::kit::{Browser, BrowserForm, PageForm};

/// Content of the consent page.
pub struct Consent<'a> {
    /// The application that requests consent.
    pub application: Application<'a>,
    /// The value of the form's `request` field.
    pub request: &'a str,
    /// The authorization request, with which the browser can start again.
    pub restart: &'a str,
    /// The address of the user who is signed in.
    pub email: &'a str,
    /// The target of the redirect after the form.
    pub destination: &'a Destination,
    /// The requested permissions.
    pub permissions: &'a [Permission<'a>],
    /// Set when the application keeps its access while the user is away (`offline_access`).
    pub offline_access: bool,
}

/// A requested permission.
#[derive(Clone, Copy)]
pub struct Permission<'a> {
    /// The permission in words: `Read your account`.
    pub meaning: &'a str,
    /// Set when it covers records of other users.
    pub reaches_others: bool,
    /// Set when the application has it already.
    pub given: bool,
}

impl Permission<'static> {
    /// Returns the permission of a scope.
    pub fn of(scope: Scope, given: bool) -> Self {
        Self { meaning: scope.meaning(), reaches_others: scope.reaches_others(), given }
    }
}

/// The fields of the consent form.
#[derive(ToSchema)]
#[expect(dead_code, reason = "its members are the form's documentation")]
pub struct ConsentForm {
    /// The CSRF token of the form.
    form_token: String,
    /// The authorization request, as the page received it.
    request: String,
    /// `allow`, `deny` or `somebody-else`.
    choice: String,
}

impl PageForm for ConsentForm {
    const PURPOSE: &'static str = "consent";

    fn example() -> Value {
        json!({ "form_token": "q1Zk…", "request": "…", "choice": "allow" })
    }
}

/// The button that was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsentChoice {
    /// Grant the permissions.
    Allow,
    /// Deny them.
    Deny,
    /// Sign in as another user.
    SomebodyElse,
}

impl ConsentChoice {
    const ALLOW: &'static str = "allow";
    const SOMEBODY_ELSE: &'static str = "somebody-else";
    const DENY: &'static str = "deny";

    /// Returns the button that was pressed. Every value other than `allow` and `somebody-else` denies.
    pub fn of(form: &BrowserForm<ConsentForm>) -> Self {
        match form.get("choice") {
            Some(Self::ALLOW) => Self::Allow,
            Some(Self::SOMEBODY_ELSE) => Self::SomebodyElse,
            _ => Self::Deny,
        }
    }
}

/// Renders the consent page, whose form goes to `POST consent`.
pub fn consent(browser: &Browser, page: &Consent<'_>) -> PageAnswer {
    let Consent { application, request, restart, email, destination, permissions, offline_access } = page;
    let requested = |others: bool, given: bool| -> Vec<&Permission<'_>> {
        permissions.iter().filter(|one| one.reaches_others == others && one.given == given).collect()
    };
    let (own, others) = (requested(false, false), requested(true, false));
    let given: Vec<&Permission<'_>> = permissions.iter().filter(|one| one.given).collect();
    let content = html! {
        input type="hidden" name="request" value=(request);
        div.person {
            p { "You are signed in as " strong { bdi { (email) } } "." }
            button.link type="submit" name="choice" value=(ConsentChoice::SOMEBODY_ELSE) {
                "Not you? Use another account"
            }
        }
        dl.facts {
            div { dt { "Application" } dd { (application.display_name()) } }
            @if application.name.is_some() {
                div { dt { "Client ID" } dd { code { bdi { (application.id) } } } }
            }
            div { dt { "You will return to" } dd { bdi { (destination.shown()) } } }
        }
        @if own.is_empty() && others.is_empty() {
            p { "It asks for no new permissions." }
        }
        @if !own.is_empty() {
            h2 { "It wants to" }
            (list("may", &own))
        }
        @if !others.is_empty() {
            section.warning aria-labelledby="others" {
                h2 #others { "It wants access to other people's data" }
                p { "The application can then do the following to every account, not only to yours. Allow this only if you expected it." }
                (list("may", &others))
            }
        }
        @if !given.is_empty() {
            h2 { "You have already allowed it to" }
            (list("given", &given))
        }
        @if *offline_access {
            h2 { "While you are away" }
            p { "The application keeps its access after you leave, until you end its session. You can do that in the list of your account's sessions, or ask the operator of " (browser.service()) "." }
        }
        div.choices.equal {
            button type="submit" name="choice" value=(ConsentChoice::ALLOW) { "Allow" }
            button type="submit" name="choice" value=(ConsentChoice::DENY) { "Deny" }
        }
    };
    let body = html! {
        h1 { "Allow " (application.display_name()) " to use your account?" }
        (form::<ConsentForm>(browser, &format!("consent?{restart}"), &content))
    };
    PageAnswer::new("Allow an application", body).for_browser(browser).may_redirect_to(destination)
}

fn list(class: &str, permissions: &[&Permission<'_>]) -> Markup {
    html! {
        ul class=(class) {
            @for permission in permissions {
                li {
                    (permission.meaning)
                    @if permission.given && permission.reaches_others { " (other people's data too)" }
                }
            }
        }
    }
}
