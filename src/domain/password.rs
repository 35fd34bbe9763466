//! Passwords by NIST SP 800-63B-4 §3.1.1: a minimum length, no common password, and no composition
//! rules.

use secrecy::{ExposeSecret as _, SecretString};
use unicode_normalization::UnicodeNormalization as _;

use super::Invalid;
use super::common_password::is_common;

/// Smallest number of code points of a password.
pub const FEWEST: usize = 8;

/// Largest number of code points of a password.
pub const MOST: usize = 256;

/// Length that no password of [`MOST`] code points has before NFC, in bytes: a code point has at most four before
/// its composition, of at most four bytes each. A longer text is not normalized.
const MOST_TYPED_BYTES: usize = MOST * 4 * 4;

/// Password that a caller chose: 8 to 256 code points after NFC. It may still be a common one.
pub struct ChosenPassword(SecretString);

impl ChosenPassword {
    /// Checks the length and the characters of a password.
    ///
    /// # Errors
    /// `too-short`, `too-long` or `control-character`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let too_long =
            || Invalid::new("too-long", format!("must be at most {MOST} characters")).with("max", MOST);
        if text.len() > MOST_TYPED_BYTES {
            return Err(too_long());
        }
        let text: String = text.nfc().collect();
        let length = text.chars().count();
        if length < FEWEST {
            let rule = Invalid::new("too-short", format!("must be at least {FEWEST} characters"));
            return Err(rule.with("min", FEWEST));
        }
        if length > MOST {
            return Err(too_long());
        }
        if text.contains('\0') {
            return Err(Invalid::new("control-character", "must not contain U+0000"));
        }
        Ok(Self(SecretString::from(text)))
    }

    /// Checks that the password is not a common one. `context` holds text that an attacker would try first
    /// for this user, such as the e-mail address. It takes up to 3 ms: a server calls
    /// [`Hasher::judge`](crate::hashing::Hasher::judge).
    ///
    /// # Errors
    /// `too-common`.
    pub fn judge(self, context: &[&str]) -> JudgedPassword {
        if is_common(self.0.expose_secret(), context) && !fault!(weak_password_taken) {
            return Err(Invalid::new(
                "too-common",
                "is one of the first that an attacker tries; choose another",
            ));
        }
        Ok(NewPassword(self.0))
    }
}

/// Password that may be set, or the rule that the chosen one breaks.
pub type JudgedPassword = Result<NewPassword, Invalid>;

/// Password that may be set: 8 to 256 code points after NFC, and not a common one.
pub struct NewPassword(SecretString);

impl NewPassword {
    /// Checks a password for the operator, who waits for it. A server calls
    /// [`Hasher::judge`](crate::hashing::Hasher::judge).
    ///
    /// # Errors
    /// `too-short`, `too-long`, `control-character` or `too-common`.
    pub fn parse(text: &str, context: &[&str]) -> Result<Self, Invalid> {
        ChosenPassword::parse(text)?.judge(context)
    }

    pub(crate) fn expose(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }
}

/// Password typed at a login: any text, for comparison only.
pub struct PasswordAttempt {
    normalized: SecretString,
    /// As it was typed, if that is another text.
    typed: Option<SecretString>,
}

impl PasswordAttempt {
    /// Normalizes like [`NewPassword`], so that the password is the same from every keyboard. A longer text
    /// than any password stays as it is.
    pub fn new(text: &str) -> Self {
        let is_long = text.len() > MOST_TYPED_BYTES;
        let normalized: String = if is_long { text.to_owned() } else { text.nfc().collect() };
        let typed = (normalized != text).then(|| SecretString::from(text));
        Self { normalized: SecretString::from(normalized), typed }
    }

    pub(crate) fn expose(&self) -> &[u8] {
        self.normalized.expose_secret().as_bytes()
    }

    /// Returns the normalized text, and then the text as it was typed if that is another one.
    pub(crate) fn expose_forms(&self) -> impl Iterator<Item = &[u8]> {
        let typed = self.typed.as_ref().map(|typed| typed.expose_secret().as_bytes());
        std::iter::once(self.expose()).chain(typed)
    }
}

/// Hash of a password: argon2id as a PHC string, or that of another system. Only login reads it: it implements
/// neither `Debug` nor `Serialize`, and no record outside the store holds it.
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
        // Four code points become one.
        assert_eq!(code(&"\u{3b1}\u{313}\u{300}\u{345}".repeat(256)), Some("too-common"));
        assert_eq!(code(&"x".repeat(64 * 1024)), Some("too-long"));
    }

    #[test]
    fn refuses_common_passwords_and_has_no_composition_rules() {
        for common in ["password", "12345678", "Password1", "qwertyuiop", "aaaaaaaa", "ada@example.com"] {
            assert_eq!(code(common), Some("too-common"), "{common}");
        }
        for free in ["correct horse battery staple", "mein pinguin tanzt", "gxkwpqzrtv"] {
            assert_eq!(code(free), None, "{free}");
        }
    }
}
