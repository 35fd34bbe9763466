//! The common layout of the pages.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use url::Url;

use super::files;
use crate::http::kit::{Browser, PageForm, TOKEN_FIELD};

/// Longest name that a page shows, in characters.
const LONGEST_NAME: usize = 80;

/// The service and the request of a page.
pub(crate) struct PageContext<'a> {
    /// The name of the service.
    pub service: &'a str,
    /// The application that a page leads to where nothing else does.
    pub home: Option<&'a Url>,
    /// The request's id.
    pub request_id: &'a str,
}

/// An application, as a page shows it. Its developers chose both texts, so a page sets them apart from its
/// own text.
#[derive(Clone, Copy)]
pub struct Application<'a> {
    /// Its name, if it has one.
    pub name: Option<&'a str>,
    /// Its `client_id`.
    pub id: &'a str,
}

impl Application<'_> {
    /// Returns its name, or else its id. The text is isolated, so that a right-to-left script does not
    /// reorder the sentence. Its own directional characters are removed.
    pub(super) fn display_name(&self) -> Markup {
        let name = self.name.unwrap_or(self.id).chars().filter(|c| !is_directional(*c)).collect::<String>();
        html! { bdi { (shortened(&name, LONGEST_NAME)) } }
    }
}

/// True for the explicit directional characters of UAX #9, with which `moc.knab` is shown as `bank.com`.
fn is_directional(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Shortens a text to `most` characters.
pub(super) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default().trim_end()),
        None => text.to_owned(),
    }
}

/// Renders a form that goes to `action`, with its CSRF token. A browser that restores the answer to the form opens
/// `action` with GET, as does the link on the page for a form that has expired: serve that too. Its page must be made
/// [for the browser](super::PageAnswer::for_browser).
pub fn form<F: PageForm>(browser: &Browser, action: &str, content: &Markup) -> Markup {
    html! {
        form method="post" action=(action) {
            input type="hidden" name=(TOKEN_FIELD) value=(browser.token::<F>());
            (content)
        }
    }
}

/// Renders a whole page. `files` is the relative path to the stylesheet.
pub(super) fn document(
    service: &str,
    title: &str,
    files: &str,
    body: &Markup,
    script: Option<&str>,
    request_id: Option<&str>,
) -> Markup {
    let version = files::version();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="theme-color" content="#f5efe6" media="(prefers-color-scheme: light)";
                meta name="theme-color" content="#191513" media="(prefers-color-scheme: dark)";
                meta name="robots" content="noindex";
                title { (title) " – " (service) }
                link rel="stylesheet" href={ (files) "pages.css?v=" (version) };
                link rel="icon" type="image/svg+xml" href={ (files) "mark.svg?v=" (version) };
            }
            body {
                div.ticket {
                    header.stub {
                        img src={ (files) "mark.svg?v=" (version) } alt="" width="40" height="40";
                        p { (service) }
                    }
                    main { (body) }
                    @if let Some(id) = request_id {
                        footer { p { "Request " code { (id) } } }
                    }
                }
                @if let Some(script) = script { script { (PreEscaped(script)) } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_escaped_isolated_and_shortened() {
        let called = |name: &str| Application { name: Some(name), id: "photos" }.display_name().into_string();
        assert_eq!(called("<b>&\"'"), "<bdi>&lt;b&gt;&amp;&quot;'</bdi>");
        let long = "é".repeat(90);
        assert_eq!(called(&long), format!("<bdi>{}…</bdi>", "é".repeat(80)));
        assert_eq!(called("\u{202e}moc.knab\u{2069} صور"), "<bdi>moc.knab صور</bdi>");
        let nameless = Application { name: None, id: "photos" };
        assert_eq!(nameless.display_name().into_string(), "<bdi>photos</bdi>");
    }
}
