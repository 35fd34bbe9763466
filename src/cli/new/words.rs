//! Words that can be names in the written code.

/// Rust keywords that the templates do not use. All words in the templates are refused anyway.
pub(super) const KEYWORDS: &[&str] = &[
    "abstract", "as", "become", "box", "break", "continue", "do", "dyn", "else", "enum", "extern", "false",
    "final", "gen", "in", "loop", "macro", "match", "move", "override", "priv", "ref", "return", "trait",
    "true", "try", "typeof", "union", "unsafe", "unsized", "virtual", "where", "while", "yield",
];

/// Returns true for lowercase letters, digits and single `_` between them, with a letter first.
pub(super) fn is_identifier(word: &str) -> bool {
    let parts = || word.split('_');
    let plain = |part: &str| part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    word.starts_with(|c: char| c.is_ascii_lowercase())
        && word.len() <= 40
        && parts().all(|part| !part.is_empty() && plain(part))
}

/// Returns the word with a capital letter.
pub(super) fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}
