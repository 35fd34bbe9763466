//! E-mail addresses.

use std::fmt;

use unicode_normalization::UnicodeNormalization as _;

use super::{Invalid, fold_case};

/// Valid e-mail address: trimmed, in NFC, with its domain in lower-case ASCII (IDNA). The local part
/// keeps its spelling for display; [`Email::key`] identifies the address.
#[derive(Clone, PartialEq, Eq)]
pub struct Email(String);

/// RFC 5321 §4.5.3.1: 64 octets before the `@`, 254 in all.
const MOST_OCTETS: usize = 254;
const MOST_LOCAL_OCTETS: usize = 64;

/// Longest text that is parsed, in bytes. A domain can be longer as it is typed than in ASCII.
const MOST_TYPED_OCTETS: usize = 2_048;

/// Domain of placeholder addresses.
const PLACEHOLDER_DOMAIN: &str = "users.invalid";

impl Email {
    /// Parses an address as a person typed it.
    ///
    /// # Errors
    /// `invalid-email`, with a description of the error.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let wrong = |detail: &str| Invalid::new("invalid-email", detail);
        if text.len() > MOST_TYPED_OCTETS {
            return Err(wrong("must be at most 254 bytes long"));
        }
        let text: String = text.trim().nfc().collect();
        let (local, domain) =
            text.rsplit_once('@').ok_or_else(|| wrong("must be an e-mail address, like ada@example.com"))?;
        if local.len() > MOST_LOCAL_OCTETS || local.is_empty() {
            return Err(wrong("must have 1 to 64 bytes before the @"));
        }
        if local.split('.').any(|atom| atom.is_empty() || !atom.chars().all(is_atom_character)) {
            return Err(wrong("has a character before the @ that an e-mail address cannot have"));
        }
        let domain = idna::domain_to_ascii_strict(domain)
            .ok()
            .filter(|domain| !domain.is_empty())
            .ok_or_else(|| wrong("has no valid domain after the @"))?;
        let address = format!("{local}@{domain}");
        if address.len() > MOST_OCTETS {
            return Err(wrong("must be at most 254 bytes long"));
        }
        Ok(Self(address))
    }

    /// Restores an address that was parsed before it was stored.
    pub(crate) fn stored(address: String) -> Self {
        Self(address)
    }

    /// Returns a placeholder for an account without an address. No mail is ever delivered to it
    /// (RFC 6761 §6.4). `name` makes it unique.
    pub(crate) fn placeholder(name: uuid::Uuid) -> Self {
        Self(format!("{name}@{PLACEHOLDER_DOMAIN}"))
    }

    /// True for a placeholder, which has no owner and cannot be verified.
    pub fn is_placeholder(&self) -> bool {
        self.0.rsplit_once('@').is_some_and(|(_, domain)| domain == PLACEHOLDER_DOMAIN)
    }

    /// Returns the form for comparisons, also for a part of an address in a search.
    pub fn comparable(text: &str) -> String {
        fold_case(text.trim())
    }

    /// Returns the address with its original spelling.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the unique key. Addresses that differ only in case have the same key.
    pub fn key(&self) -> String {
        Self::comparable(&self.0)
    }
}

/// RFC 5322 §3.2.3 `atext`, and beyond ASCII the letters and digits of RFC 6532.
fn is_atom_character(c: char) -> bool {
    match c {
        '!' | '#' | '$' | '%' | '&' | '\'' | '*' | '+' | '-' | '/' | '=' | '?' | '^' | '_' | '`' | '{'
        | '|' | '}' | '~' => true,
        _ if c.is_ascii() => c.is_ascii_alphanumeric(),
        _ => c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(c),
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trims_the_address_and_lowers_the_domain() {
        let email = Email::parse("  Ada@BÜCHER.Example ").unwrap();
        assert_eq!(email.as_str(), "Ada@xn--bcher-kva.example");
        assert_eq!(email.key(), "ada@xn--bcher-kva.example");
    }

    #[test]
    fn key_ignores_case_and_composition() {
        let key = |text: &str| Email::parse(text).unwrap().key();
        assert_eq!(key("\u{c9}mile@x.org"), key("e\u{301}mile@X.ORG"));
        assert_eq!(key("ΟΔΟΣ@x.org"), key("οδος@x.org"));
        assert_ne!(key("emile@x.org"), key("émile@x.org"));
    }

    #[test]
    fn placeholder_is_a_valid_address() {
        let none = Email::placeholder(uuid::Uuid::from_u128(7));
        assert!(none.is_placeholder() && Email::parse(none.as_str()).unwrap() == none);
        for address in ["ada@example.com", "ada@sub.users.invalid", "users.invalid@example.com"] {
            assert!(!Email::parse(address).unwrap().is_placeholder(), "{address}");
        }
    }

    #[test]
    fn refuses_text_that_is_not_an_address() {
        for text in
            ["", "@", "a@", "@b", "a b@c.d", "a@b c", "a..b@c.d", ".a@c.d", "a@-c.d", "a\0@c.d", "a@c..d"]
        {
            assert!(Email::parse(text).is_err(), "{text:?}");
        }
        assert!(Email::parse(&format!("{}@x.org", "a".repeat(65))).is_err());
    }
}
