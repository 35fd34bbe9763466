//! The name that a caller gives to something that it wants done once
//! (draft-ietf-httpapi-idempotency-key-header-07).

use std::str::FromStr;

use super::Invalid;

/// The longest, in characters.
const LONGEST: usize = 255;

/// What `Idempotency-Key` says: a name of the caller's choice, new for each thing that is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Reads the header. The draft wants quotes around it, most clients send none: both are taken, and are
/// the same.
impl FromStr for IdempotencyKey {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        let bare = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
        let plain = bare.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
        if bare.is_empty() || bare.len() > LONGEST || !plain {
            let detail = format!(
                "must be 1 to {LONGEST} visible characters of ASCII, such as a UUID, with quotes around them or without"
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
    fn quotes_around_it_are_not_part_of_it() {
        let bare: IdempotencyKey = "8e03978e-40d5-43dd-bc93-6894a57f9324".parse().unwrap();
        assert_eq!(" \"8e03978e-40d5-43dd-bc93-6894a57f9324\" ".parse(), Ok(bare));
    }

    #[test]
    fn what_is_no_name_is_not_taken() {
        let long = "k".repeat(LONGEST + 1);
        for wrong in ["", "\"\"", "a b", "a\"b", "\"a", "a\\b", "\u{7f}", "ключ", &long] {
            assert!(wrong.parse::<IdempotencyKey>().is_err(), "{wrong:?}");
        }
        assert!(long[1..].parse::<IdempotencyKey>().is_ok());
    }
}
