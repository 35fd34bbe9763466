//! Rules for text input. They are applied here, so that they are the same on every database.

use serde_json::{Map, Value};
use unicode_normalization::UnicodeNormalization as _;

/// Codes of the rules that a value can break, each with its parameters. The OpenAPI document lists them.
pub const RULES: &[(&str, &[&str])] = &[
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
    ("unused", &[]),
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

    /// Adds a parameter of the rule.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.parameters.insert(name.to_owned(), value.into());
        self
    }
}

/// Checks text of 1 to `most` code points without control characters. `lines` permits line breaks and
/// tabs. The text stays unchanged.
///
/// # Errors
/// `empty`, `too-long` or `control-character`.
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
    Ok(text.to_owned())
}

/// Returns the form for comparisons without regard to case. It is the same for every spelling of a
/// letter, and independent of the locale, of the place in the word and of the database.
pub fn fold_case(text: &str) -> String {
    text.nfc().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfc().collect()
}
