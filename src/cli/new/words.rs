//! Words that can be names in the written code.

/// Keywords of Rust, also those that are reserved for later.
#[rustfmt::skip]
pub(super) const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn", "else",
    "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod",
    "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super", "trait", "true", "try",
    "type", "typeof", "union", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
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
