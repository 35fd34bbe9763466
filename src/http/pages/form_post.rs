//! The page that sends the authorization response to a client in a form (OAuth 2.0 Form Post Response Mode).

use maud::html;

use super::{Application, Destination, PageAnswer};

/// Sends the form at once. Without scripts, the user presses the button.
const SCRIPT: &str = "document.forms[0].submit()";

/// Renders the page, whose form goes to the client.
pub fn form_post(
    application: Application<'_>,
    destination: &Destination,
    target: &str,
    fields: &[(&'static str, String)],
) -> PageAnswer {
    let body = html! {
        h1 { "Back to the application" }
        p.lead { "You return to " strong { (application.display_name()) } "." }
        form method="post" action=(target) {
            @for (name, value) in fields {
                input type="hidden" name=(name) value=(value);
            }
            div.choices { button.primary type="submit" { "Continue" } }
        }
    };
    PageAnswer::new("Back to the application", body).sending_to(destination, SCRIPT)
}
