//! Rules for text input. They are applied here, so that they are the same on every database.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Codes of the rules that a value can break, each with its parameters. The OpenAPI document lists them.
pub const RULES: &[(&str, &[&str])] = &[
    ("contradiction", &[]),
    ("control-character", &[]),
    ("empty", &[]),
    ("first-party", &[]),
    ("incomplete", &[]),
    ("invalid-date", &[]),
    ("invalid-email", &[]),
    ("invalid-format", &[]),
    ("invalid-hash", &[]),
    ("invalid-id", &[]),
    ("invalid-resource", &[]),
    ("invalid-scope", &[]),
    ("invalid-time", &[]),
    ("invalid-uri", &[]),
    ("invalid-url", &[]),
    ("invisible", &[]),
    ("not-a-jwk-set", &[]),
    ("not-a-list", &["max"]),
    ("not-a-method", &[]),
    ("not-a-path", &[]),
    ("not-a-time", &[]),
    ("not-an-id", &[]),
    ("not-an-object", &[]),
    ("number-of-keys", &["min", "max"]),
    ("one-caller", &[]),
    ("one-change", &[]),
    ("out-of-range", &["min", "max"]),
    ("public-client", &[]),
    ("public-clients-only", &[]),
    ("read-only", &[]),
    ("refresh-without-code", &[]),
    ("required", &[]),
    ("surrounding-space", &[]),
    ("too-common", &[]),
    ("too-costly-hash", &[]),
    ("too-long", &["max"]),
    ("too-many", &["max"]),
    ("too-short", &["min"]),
    ("two-passwords", &[]),
    ("unfit-key", &[]),
    ("unknown", &[]),
    ("unknown-caller", &[]),
    ("unknown-grant-type", &["values"]),
    ("unknown-method", &["values"]),
    ("unknown-path", &[]),
    ("unknown-role", &["values"]),
    ("unknown-scope", &[]),
    ("unknown-semantic", &["values"]),
    ("unknown-status", &["values"]),
    ("unknown-value", &["values"]),
    ("unused", &[]),
    ("wrong-media-type", &["values"]),
    ("wrong-password", &[]),
    ("wrong-type", &["expected"]),
];

/// Invalid value: a stable code for programs, and a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Invalid {
    /// Stable code, in kebab-case.
    pub code: &'static str,
    /// Description of the error and of a valid value.
    pub detail: String,
    /// Parameters of the rule, such as `min`, with which a program can say it in another language.
    pub parameters: Map<String, Value>,
}

impl Invalid {
    /// Returns an error with its code and its sentence.
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), parameters: Map::new() }
    }

    /// Returns the rule that the caller may not write the value.
    pub fn read_only() -> Self {
        Self::new("read-only", "cannot be changed by you")
    }

    /// Adds a parameter of the rule.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.parameters.insert(name.to_owned(), value.into());
        self
    }
}

/// Checks text of 1 to `most` code points without control characters, of which one can be seen. `lines` permits line
/// breaks and tabs. The text stays unchanged.
///
/// # Errors
/// `empty`, `too-long`, `control-character` or `invisible`.
pub fn plain_text(text: &str, most: usize, lines: bool) -> Result<String, Invalid> {
    if text.is_empty() {
        return Err(Invalid::new("empty", "must not be empty; leave it out or send null to unset it"));
    }
    if text.chars().nth(most).is_some() {
        return Err(Invalid::new("too-long", format!("must be at most {most} characters")).with("max", most));
    }
    if text.chars().any(|c| c.is_control() && !(lines && matches!(c, '\n' | '\r' | '\t'))) {
        return Err(Invalid::new("control-character", "must not contain control characters"));
    }
    if !text.chars().any(is_visible) {
        return Err(Invalid::new("invisible", "must have a character that can be seen"));
    }
    Ok(text.to_owned())
}

/// Characters that show nothing: `Default_Ignorable_Code_Point` of Unicode, format characters, and blanks that Unicode
/// counts as letters or symbols.
const INVISIBLE: &[RangeInclusive<char>] = &[
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{61c}'..='\u{61c}',
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180b}'..='\u{180f}',
    '\u{200b}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{2800}'..='\u{2800}',
    '\u{3164}'..='\u{3164}',
    '\u{fe00}'..='\u{fe0f}',
    '\u{feff}'..='\u{feff}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{fff0}'..='\u{fffb}',
    '\u{13430}'..='\u{1343f}',
    '\u{16fe4}'..='\u{16fe4}',
    '\u{1bca0}'..='\u{1bca3}',
    '\u{1d159}'..='\u{1d159}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0000}'..='\u{e0fff}',
];

/// Returns true for a character that shows something by itself. A combining mark needs a letter before it.
fn is_visible(c: char) -> bool {
    let is_blank = c.is_whitespace() || c.is_control() || INVISIBLE.iter().any(|range| range.contains(&c));
    !is_blank && !is_combining_mark(c)
}

/// Returns the form for comparisons without regard to case. It is the same for every spelling of a
/// letter, and independent of the locale, of the place in the word and of the database.
pub fn fold_case(text: &str) -> String {
    text.nfc().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_a_character_that_can_be_seen() {
        for blank in [
            " ",
            "\u{a0}",
            "\u{200b}",
            "\u{3164}",
            "\u{2800}",
            "\u{ad}",
            "\u{115f}",
            "\u{ffa0}",
            "\u{feff}",
            "\u{e0061}",
            "\u{301}",
            "\u{3000}\u{200d} \u{fe0f}",
            "\u{2028}",
            "\u{1d159}",
            "\u{fff9}",
        ] {
            assert_eq!(plain_text(blank, 10, false).unwrap_err().code, "invisible", "{blank:?}");
        }
        assert_eq!(plain_text("\n\t", 10, true).unwrap_err().code, "invisible");
        for good in ["a", "é", "e\u{301}", " a", "김", "👩\u{200d}🚀", ".", "\u{200f}א"] {
            assert_eq!(plain_text(good, 10, false).as_deref(), Ok(good));
        }
    }
}
