//! Consent: what an application may do for somebody.

use maud::{Markup, html};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::answer::PageAnswer;
use super::destination::Destination;
use super::layout::{Application, form};
use crate::authz::Scope;
use crate::http::kit::browser::{Browser, BrowserForm, PageForm};

/// What the page says.
pub struct Consent<'a> {
    /// The application that asks.
    pub application: Application<'a>,
    /// What comes back with the form as `request`.
    pub request: &'a str,
    /// Who is signed in.
    pub email: &'a str,
    /// Where the answer goes.
    pub destination: &'a Destination,
    /// What it asks for.
    pub permissions: &'a [Permission<'a>],
    /// Whether it stays allowed while the person is away (`offline_access`).
    pub stays: bool,
}

/// One thing that is asked for.
#[derive(Clone, Copy)]
pub struct Permission<'a> {
    /// What it allows, in words: `Read your account`.
    pub meaning: &'a str,
    /// Whether it gives power over what is not the person's own.
    pub reaches_others: bool,
    /// Whether the application has it already.
    pub given: bool,
}

impl Permission<'static> {
    /// That of a scope.
    pub fn of(scope: Scope, given: bool) -> Self {
        Self { meaning: scope.meaning(), reaches_others: scope.reaches_others(), given }
    }
}

/// What comes back.
#[derive(ToSchema)]
#[expect(dead_code, reason = "its members are the form's documentation")]
pub struct ConsentForm {
    /// The form's own token.
    form_token: String,
    /// What the page was given.
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
    /// The application may.
    Allow,
    /// It may not.
    Deny,
    /// Somebody else wants to sign in.
    SomebodyElse,
}

impl ConsentChoice {
    const ALLOW: &'static str = "allow";
    const SOMEBODY_ELSE: &'static str = "somebody-else";
    const DENY: &'static str = "deny";

    /// Which it was. Nothing but the word allows.
    pub fn of(form: &BrowserForm<ConsentForm>) -> Self {
        match form.get("choice") {
            Some(Self::ALLOW) => Self::Allow,
            Some(Self::SOMEBODY_ELSE) => Self::SomebodyElse,
            _ => Self::Deny,
        }
    }
}

/// Consent; goes to `POST consent`.
pub fn consent(browser: &Browser, page: &Consent<'_>) -> PageAnswer {
    let Consent { application, request, email, destination, permissions, stays } = page;
    let those = |others: bool, given: bool| -> Vec<&Permission<'_>> {
        permissions.iter().filter(|one| one.reaches_others == others && one.given == given).collect()
    };
    let (own, others) = (those(false, false), those(true, false));
    let given: Vec<&Permission<'_>> = permissions.iter().filter(|one| one.given).collect();
    let content = html! {
        input type="hidden" name="request" value=(request);
        div.person {
            p { "You are signed in as " strong { bdi { (email) } } "." }
            button.link type="submit" name="choice" value=(ConsentChoice::SOMEBODY_ELSE) {
                "Not you? Sign in as somebody else"
            }
        }
        dl.facts {
            div { dt { "Application" } dd { (application.called()) } }
            @if application.name.is_some() {
                div { dt { "Known here as" } dd { code { bdi { (application.id) } } } }
            }
            div { dt { "Takes you back to" } dd { bdi { (destination.shown()) } } }
        }
        @if own.is_empty() && others.is_empty() {
            p { "It asks for nothing new." }
        }
        @if !own.is_empty() {
            h2 { "It asks to" }
            (list("may", &own))
        }
        @if !others.is_empty() {
            section.warning aria-labelledby="others" {
                h2 #others { "It reaches what belongs to others" }
                p { "With your power it asks to do the following to everybody, not to you alone. Allow it only if that is what you came for." }
                (list("may", &others))
            }
        }
        @if !given.is_empty() {
            h2 { "It may already" }
            (list("given", &given))
        }
        @if *stays {
            h2 { "While you are away" }
            p { "It stays allowed when you have gone, until you end its session. You find it among the sessions of your account, and whoever runs " (browser.service()) " can end it for you." }
        }
        div.choices.equal {
            button type="submit" name="choice" value=(ConsentChoice::ALLOW) { "Allow" }
            button type="submit" name="choice" value=(ConsentChoice::DENY) { "Deny" }
        }
    };
    let body = html! {
        h1 { "Let " (application.called()) " use your account?" }
        (form::<ConsentForm>(browser, "consent", &content))
    };
    PageAnswer::new("Allow an application", body).for_browser(browser).leading_to(destination)
}

fn list(class: &str, permissions: &[&Permission<'_>]) -> Markup {
    html! {
        ul class=(class) {
            @for permission in permissions {
                li {
                    (permission.meaning)
                    @if permission.given && permission.reaches_others { " (this reaches what belongs to others)" }
                }
            }
        }
    }
}
