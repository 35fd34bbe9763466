//! Rules for text that people type, the same on every database because they are applied here.

use unicode_normalization::UnicodeNormalization as _;

/// Why a value was refused: a stable code for programs and a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Invalid {
    /// Stable, kebab-case.
    pub code: &'static str,
    /// What is wrong and what would be right.
    pub detail: String,
}

impl Invalid {
    /// A refusal with its code and its sentence.
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

/// Text of 1 to `most` code points without control characters (a line break is one, unless
/// `lines` says otherwise). It is kept exactly as it came.
///
/// # Errors
/// `empty`, `too-long` or `control-character`.
pub fn plain_text(text: &str, most: usize, lines: bool) -> Result<String, Invalid> {
    if text.is_empty() {
        return Err(Invalid::new("empty", "must not be empty; leave it out or send null to unset it"));
    }
    if text.chars().nth(most).is_some() {
        return Err(Invalid::new("too-long", format!("must be at most {most} characters")));
    }
    if text.chars().any(|c| c.is_control() && !(lines && matches!(c, '\n' | '\r' | '\t'))) {
        return Err(Invalid::new("control-character", "must not contain control characters"));
    }
    Ok(text.to_owned())
}

/// The form in which text is compared without regard to case: the same for every spelling of a
/// letter, independent of locale, of its place in the word and of the database.
pub fn fold_case(text: &str) -> String {
    text.nfc().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfc().collect()
}
