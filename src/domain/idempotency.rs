//! Idempotency key (draft-ietf-httpapi-idempotency-key-header-07).

use std::str::FromStr;

use super::Invalid;

/// Maximum length, in characters.
const MAX_LENGTH: usize = 255;

/// Value of `Idempotency-Key`: chosen by the caller, and new for each operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Returns the key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Parses the header. The draft requires quotes, but most clients send none: both are accepted, and mean
/// the same key.
impl FromStr for IdempotencyKey {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        let bare = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
        let plain = bare.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
        if bare.is_empty() || bare.len() > MAX_LENGTH || !plain {
            let detail = format!(
                "must be 1 to {MAX_LENGTH} visible characters of ASCII, such as a UUID, with quotes around them or without"
            );
            return Err(Invalid::new("not-a-key", detail));
        }
        Ok(Self(bare.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_not_part_of_the_key() {
        let bare: IdempotencyKey = "8e03978e-40d5-43dd-bc93-6894a57f9324".parse().unwrap();
        assert_eq!(" \"8e03978e-40d5-43dd-bc93-6894a57f9324\" ".parse(), Ok(bare));
    }

    #[test]
    fn refuses_an_invalid_key() {
        let long = "k".repeat(MAX_LENGTH + 1);
        for wrong in ["", "\"\"", "a b", "a\"b", "\"a", "a\\b", "\u{7f}", "ключ", &long] {
            assert!(wrong.parse::<IdempotencyKey>().is_err(), "{wrong:?}");
        }
        assert!(long[1..].parse::<IdempotencyKey>().is_ok());
    }
}
