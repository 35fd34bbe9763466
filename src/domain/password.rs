//! Passwords, by NIST SP 800-63B-4 §3.1.1: long enough, not one of those that everybody tries,
//! and no rules of composition.

use secrecy::{ExposeSecret as _, SecretString};
use unicode_normalization::UnicodeNormalization as _;

use super::text::Invalid;

const FEWEST: usize = 8;
const MOST: usize = 256;

/// A password at most this many guesses from the front of an attacker's list is on the list.
const GUESSES_OF_A_LISTED_PASSWORD: u64 = 10_000;

/// Nothing longer is on a list; the estimate takes time that grows faster than the text.
const MOST_ESTIMATED: usize = 40;

/// A password that may be set: 8 to 256 code points after NFC, and on no list of common ones.
pub struct NewPassword(SecretString);

impl NewPassword {
    /// Checks what a person chose; `context` holds what an attacker would try first for this very
    /// person (their e-mail).
    ///
    /// # Errors
    /// `too-short`, `too-long`, `control-character` or `too-common`.
    pub fn parse(text: &str, context: &[&str]) -> Result<Self, Invalid> {
        let text: String = text.nfc().collect();
        let length = text.chars().count();
        if length < FEWEST {
            return Err(Invalid::new("too-short", format!("must be at least {FEWEST} characters")));
        }
        if length > MOST {
            return Err(Invalid::new("too-long", format!("must be at most {MOST} characters")));
        }
        if text.contains('\0') {
            return Err(Invalid::new("control-character", "must not contain U+0000"));
        }
        let beginning: String = text.chars().take(MOST_ESTIMATED).collect();
        if zxcvbn::zxcvbn(&beginning, context).guesses() <= GUESSES_OF_A_LISTED_PASSWORD {
            return Err(Invalid::new(
                "too-common",
                "is one of the first that an attacker tries; choose another",
            ));
        }
        Ok(Self(SecretString::from(text)))
    }

    pub(crate) fn expose(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }
}

/// What somebody typed to prove who they are: any text, to be compared and nothing else.
pub struct PasswordAttempt(SecretString);

impl PasswordAttempt {
    /// Normalises as [`NewPassword`] does, so that every keyboard's spelling is the same password.
    pub fn new(text: &str) -> Self {
        Self(SecretString::from(text.nfc().collect::<String>()))
    }

    pub(crate) fn expose(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }
}

/// A password's argon2id hash as a PHC string. Only login sees it: it has no `Debug`, no
/// `Serialize`, and no record that leaves the store holds one.
///
/// ```compile_fail
/// fn leak(hash: cloakroom::domain::PasswordHash) -> String {
///     format!("{hash:?}")
/// }
/// ```
/// ```
/// fn keep(hash: cloakroom::domain::PasswordHash) -> cloakroom::domain::PasswordHash {
///     hash
/// }
/// ```
#[derive(Clone)]
pub struct PasswordHash(SecretString);

impl PasswordHash {
    pub(crate) fn from_phc(phc: String) -> Self {
        Self(SecretString::from(phc))
    }

    pub(crate) fn expose_phc(&self) -> &str {
        self.0.expose_secret()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> Option<&'static str> {
        NewPassword::parse(text, &["ada@example.com"]).err().map(|invalid| invalid.code)
    }

    #[test]
    fn length_counts_code_points_after_nfc() {
        assert_eq!(code("Zq7#vL!"), Some("too-short"));
        assert_eq!(code(&"e\u{301}".repeat(7)), Some("too-short"));
        assert_eq!(code(&"xK9 ".repeat(64)), None);
        assert_eq!(code(&"é".repeat(257)), Some("too-long"));
    }

    #[test]
    fn what_everybody_tries_is_refused_and_composition_is_free() {
        for common in ["password", "12345678", "Password1", "qwertyuiop", "aaaaaaaa", "ada@example.com"] {
            assert_eq!(code(common), Some("too-common"), "{common}");
        }
        for free in ["correct horse battery staple", "mein pinguin tanzt", "gxkwpqzrtv"] {
            assert_eq!(code(free), None, "{free}");
        }
    }
}
