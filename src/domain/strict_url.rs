//! URLs, read without the corrections that browsers make.

use std::cell::Cell;

use url::{SyntaxViolation, Url};

/// Parses an absolute URL. Text that the parser would correct is no URL here, such as `https:example.com`,
/// `https:\\example.com` or one with a line break: other programs read it in another way.
pub fn strict_url(text: &str) -> Option<Url> {
    let corrected = Cell::new(false);
    let note = |violation| {
        if violation != SyntaxViolation::EmbeddedCredentials {
            corrected.set(true);
        }
    };
    let parsed = Url::options().syntax_violation_callback(Some(&note)).parse(text).ok();
    parsed.filter(|_| !corrected.get())
}

/// Parses an `http` or `https` URL, as [`strict_url`] does.
pub fn web_url(text: &str) -> Option<Url> {
    strict_url(text).filter(|url| matches!(url.scheme(), "http" | "https"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_a_browser_would_correct_is_no_url() {
        for good in
            ["https://example.com", "http://[::1]:80/a?b#c", "https://u:p@bücher.example/%20", "urn:a:b"]
        {
            assert!(strict_url(good).is_some(), "{good}");
        }
        for bad in [
            "https:example.com",
            "https:/example.com",
            "https:///example.com",
            "https:\\\\example.com",
            "https://example.com\\a",
            " https://example.com",
            "https://example.com ",
            "https://exa\nmple.com",
            "https://example.com/a b",
            "https://example.com/%zz",
            "https://u@p@example.com",
            "//example.com",
            "https://",
            "",
        ] {
            assert!(strict_url(bad).is_none(), "{bad:?}");
        }
        assert!(web_url("ftp://example.com").is_none() && web_url("urn:a:b").is_none());
    }
}
