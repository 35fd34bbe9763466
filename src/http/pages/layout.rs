//! What all pages have in common.

use maud::{DOCTYPE, Markup, html};

use super::files;
use crate::http::kit::browser::{Browser, PageForm, TOKEN_FIELD};

/// More characters of a name than a page shows.
const LONGEST_NAME: usize = 80;

/// In whose house a page is shown, and for which request.
pub(crate) struct House<'a> {
    /// The name of the application that is running.
    pub service: &'a str,
    /// The request's id.
    pub request_id: &'a str,
}

/// An application that asks for something, as a person gets to know it. Its makers chose both; a
/// page sets them apart from what it says itself.
#[derive(Clone, Copy)]
pub struct Application<'a> {
    /// Its name, if it has one.
    pub name: Option<&'a str>,
    /// Its `client_id`.
    pub id: &'a str,
}

impl Application<'_> {
    /// Its name, or else its id; isolated, so that letters which are read from right to left do
    /// not turn the sentence around, and without what would turn its own letters.
    pub(super) fn called(&self) -> Markup {
        let name = self.name.unwrap_or(self.id).chars().filter(|c| !turns_letters(*c)).collect::<String>();
        html! { bdi { (shortened(&name, LONGEST_NAME)) } }
    }
}

/// The explicit directional characters of UAX #9: with them `moc.knab` is shown as `bank.com`.
fn turns_letters(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// At most so many characters.
pub(super) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default().trim_end()),
        None => text.to_owned(),
    }
}

/// A form that goes to `action` and brings its token back. Its page must be made
/// [for the browser](super::PageAnswer::for_browser).
pub fn form<F: PageForm>(browser: &Browser, action: &str, content: &Markup) -> Markup {
    html! {
        form method="post" action=(action) {
            input type="hidden" name=(TOKEN_FIELD) value=(browser.token::<F>());
            (content)
        }
    }
}

/// A whole page. `files` leads from it to where the stylesheet is.
pub(super) fn document(
    service: &str,
    title: &str,
    files: &str,
    body: &Markup,
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
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_escaped_isolated_and_not_endless() {
        let called = |name: &str| Application { name: Some(name), id: "photos" }.called().into_string();
        assert_eq!(called("<b>&\"'"), "<bdi>&lt;b&gt;&amp;&quot;'</bdi>");
        let long = "é".repeat(90);
        assert_eq!(called(&long), format!("<bdi>{}…</bdi>", "é".repeat(80)));
        assert_eq!(called("\u{202e}moc.knab\u{2069} صور"), "<bdi>moc.knab صور</bdi>");
        let nameless = Application { name: None, id: "photos" };
        assert_eq!(nameless.called().into_string(), "<bdi>photos</bdi>");
    }
}
