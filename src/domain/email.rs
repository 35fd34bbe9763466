//! E-mail addresses.

use std::fmt;

use unicode_normalization::UnicodeNormalization as _;
use unicode_security::{GeneralSecurityProfile as _, MixedScript as _, skeleton};
use url::Host;

use super::{Invalid, fold_case};

/// Valid e-mail address: trimmed, in NFKC, with its domain in lower-case ASCII (IDNA). The local part
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
    /// Parses an address as a person typed it. Two addresses that look the same cannot both be valid: the
    /// local part has one script and no invisible letter (UTS #39), and no letters that all look like ASCII.
    ///
    /// # Errors
    /// `invalid-email`, with a description of the error.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let email = Self::well_formed(text)?;
        if email.is_placeholder() {
            return Err(wrong("must not have the domain users.invalid, which belongs to this server"));
        }
        if email.has_encoded_word() {
            return Err(wrong("must not have =? before the @"));
        }
        // Two spellings of one key are both valid or both refused.
        let folded = email.key();
        let local = folded.rsplit_once('@').map_or("", |(local, _)| local);
        if !local.chars().all(|c| c.is_ascii() || c.identifier_allowed()) {
            return Err(wrong("has a letter before the @ that is invisible or hard to tell from another"));
        }
        if email.0.contains(['\u{131}', '\u{130}']) || folded.contains("i\u{307}") {
            return Err(wrong("has an i before the @ that looks like another; write it as i"));
        }
        if !local.is_single_script() {
            return Err(wrong("must have letters of one script before the @"));
        }
        if !local.is_ascii() && skeleton(local).all(|c| c.is_ascii()) {
            return Err(wrong("looks like another address before the @; write it in the letters a to z"));
        }
        Ok(email)
    }

    /// Parses an address of this program's own export, which may be a placeholder.
    ///
    /// # Errors
    /// `invalid-email`, with a description of the error.
    pub fn parse_exported(text: &str) -> Result<Self, Invalid> {
        match Self::well_formed(text) {
            Ok(email) if email.is_placeholder() => Ok(email),
            _ => Self::parse(text),
        }
    }

    /// Returns the key of the account that a person means. An account made under older rules is found too.
    pub fn lookup_key(text: &str) -> Option<String> {
        Self::well_formed(text).ok().map(|email| email.key())
    }

    /// Returns the key of the address that a query names. No address has a space, so a space is an unescaped `+`. Text
    /// that is no address is compared as it is.
    pub fn query_key(text: &str) -> String {
        let text = text.trim().replace(' ', "+");
        Self::lookup_key(&text).unwrap_or(text)
    }

    /// Returns the form in which a search compares the beginning of an address, of `@` and a domain, or of a name. A
    /// domain is compared in ASCII if it is complete.
    pub fn search_key(text: &str) -> String {
        let Some((local, domain)) = text.trim().rsplit_once('@') else { return fold_case(text) };
        let domain = match idna::domain_to_ascii_strict(&domain.nfkc().collect::<String>()) {
            Ok(ascii) => ascii,
            Err(_) => domain.to_owned(),
        };
        fold_case(&format!("{}@{domain}", local.nfkc().collect::<String>().replace(' ', "+")))
    }

    fn well_formed(text: &str) -> Result<Self, Invalid> {
        if text.len() > MOST_TYPED_OCTETS {
            return Err(wrong("must be at most 254 bytes long"));
        }
        let text: String = text.trim().nfkc().collect();
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
        if !matches!(Host::parse(&domain), Ok(Host::Domain(_))) {
            return Err(wrong("must have a domain after the @, not an IP address"));
        }
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

    /// True for an encoded word (RFC 2047 §2), which a mail program reads as other text, also as another address.
    fn has_encoded_word(&self) -> bool {
        self.local().contains("=?")
    }

    /// False for an address that gets no mail, because a mail program or a relay can read it as another: an encoded word, a
    /// route (`user%host`, `host!user`), a command (`|`), a file (`/` at the beginning), or an option (`-` there). Such an
    /// address is valid by RFC 5322, and its user can have an account.
    pub(crate) fn is_deliverable(&self) -> bool {
        let local = self.local();
        !(self.has_encoded_word() || local.contains(['%', '!', '|']) || local.starts_with(['-', '/']))
    }

    fn local(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(local, _)| local)
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

/// Replaces each word of a text that looks like an e-mail address, for texts that outlive the person: a mail server
/// repeats the address in its answer, and an operator can type one into a path.
pub(crate) fn mask_addresses(text: &str) -> String {
    let ends_word = |c: char| c.is_whitespace() || "<>()[],;:\"'/?&=".contains(c);
    let mask = |piece: &str| {
        let word = piece.trim_end_matches(ends_word);
        let lower = word.to_ascii_lowercase();
        let parts = word.split_once('@').or_else(|| lower.split_once("%40"));
        let is_address = parts.is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
        if is_address { piece.replacen(word, "[address]", 1) } else { piece.to_owned() }
    };
    text.split_inclusive(ends_word).map(mask).collect()
}

fn wrong(detail: &str) -> Invalid {
    Invalid::new("invalid-email", detail)
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
    fn masked_text_has_no_address() {
        for (text, masked) in [
            ("550 5.1.1 <ada@example.com>: unknown", "550 5.1.1 <[address]>: unknown"),
            ("GET /users/ada%40example.com/audit", "GET /users/[address]/audit"),
            ("to:Ada@example.com,bob@example.com", "to:[address],[address]"),
            ("q=%40example.com&limit=5", "q=%40example.com&limit=5"),
            ("nothing to hide", "nothing to hide"),
        ] {
            assert_eq!(mask_addresses(text), masked);
        }
    }

    #[test]
    fn only_an_export_has_a_placeholder() {
        let none = Email::placeholder(uuid::Uuid::from_u128(7));
        assert!(none.is_placeholder() && Email::parse_exported(none.as_str()).unwrap() == none);
        assert!(Email::parse(none.as_str()).is_err() && Email::parse("ada@USERS.invalid").is_err());
        for address in ["ada@example.com", "ada@sub.users.invalid", "users.invalid@example.com"] {
            assert!(!Email::parse(address).unwrap().is_placeholder(), "{address}");
        }
    }

    #[test]
    fn addresses_that_look_the_same_are_one_or_refused() {
        let parse = |local: &str| Email::parse(&format!("{local}@example.com"));
        for same in ["\u{ff41}da", "ＡＤＡ", "ada", "aⅾa"] {
            assert_eq!(parse(same).unwrap().key(), "ada@example.com", "{same}");
        }
        for refused in [
            "\u{430}da",                    // Cyrillic a, then Latin
            "\u{441}\u{43e}\u{441}\u{43e}", // Cyrillic letters that all look Latin
            "\u{251}da",                    // Latin alpha
            "ada\u{3164}",                  // Hangul filler, which is blank
            "\u{115f}ada",
            "\u{ffa0}ada",
            "ad\u{34f}a", // combining grapheme joiner
            "ad\u{200d}a",
            "ad\u{ad}a",
            "a\u{2800}a", // blank Braille pattern
            "ada\u{fe0f}",
            "ada\u{e0061}",
            "\u{131}da", // dotless i, whose upper case is that of i
            "\u{130}da",
            "i\u{307}da",
        ] {
            assert!(parse(refused).is_err(), "{refused:?}");
        }
        for accepted in
            ["émile", "Łukasz", "οδος", "иван.петров", "山田さくら", "ada+tag", "o'hara", "김하늘"]
        {
            assert!(parse(accepted).is_ok(), "{accepted}");
        }
    }

    #[test]
    fn refuses_what_a_mail_program_reads_as_another_address() {
        for local in [
            "=?utf-8?q?=0d=0aBcc=3ax=40evil.example?=",
            "=?utf-8?q?ada=40evil.example=2c?=",
            "ada.=?utf-8?b?QGV2aWwuZXhhbXBsZQ==?=",
            "\u{ff1d}\u{ff1f}utf-8\u{ff1f}q\u{ff1f}ada\u{ff1f}\u{ff1d}",
            "\"ada\"",
            "\"a@evil.example\"",
            "ada(evil)",
            "ada\\",
            "@evil.example:ada",
            "ada@evil.example,ada",
            "<ada",
        ] {
            assert!(Email::parse(&format!("{local}@example.com")).is_err(), "{local:?}");
        }
        for same in ["a=b", "a?b", "o'hara", "a-b/c", "a+b", "{a}~b", "a#b$c&d*e^f_g`h"] {
            assert!(Email::parse(&format!("{same}@example.com")).unwrap().is_deliverable(), "{same:?}");
        }
        for local in
            ["ada%evil.example", "ada\u{ff05}evil.example", "evil.example!ada", "|mail", "/etc/passwd", "-oQ"]
        {
            assert!(!Email::parse(&format!("{local}@example.com")).unwrap().is_deliverable(), "{local:?}");
        }
    }

    #[test]
    fn lookup_key_needs_no_strict_rules() {
        let encoded = "=?utf-8?q?ada?=@example.com";
        assert_eq!(Email::lookup_key(encoded), Some(encoded.to_owned()));
        assert_eq!(
            Email::lookup_key(" \u{430}da@B\u{fc}cher.example"),
            Some("\u{430}da@xn--bcher-kva.example".to_owned())
        );
        assert_eq!(Email::lookup_key("ada"), None);
    }

    #[test]
    fn search_key_reads_an_address_as_a_login_does() {
        for (typed, key) in [
            ("zoe@bücher.example", "zoe@xn--bcher-kva.example"),
            ("@BÜCHER.Example", "@xn--bcher-kva.example"),
            ("ann tag@acme", "ann+tag@acme"),
            ("Ann+Tag@acme.example", "ann+tag@acme.example"),
            ("@acme.", "@acme."),
            ("ann@", "ann@"),
            ("ａda@x.org", "ada@x.org"),
            ("Ada Lovelace", "ada lovelace"),
        ] {
            assert_eq!(Email::search_key(typed), key, "{typed}");
        }
    }

    #[test]
    fn refuses_text_that_is_not_an_address() {
        for text in [
            "",
            "@",
            "a@",
            "@b",
            "a b@c.d",
            "a@b c",
            "a..b@c.d",
            ".a@c.d",
            "a@-c.d",
            "a\0@c.d",
            "a@c..d",
            "a@127.0.0.1",
            "a@[127.0.0.1]",
            "a@[::1]",
            "a@0x7f.1",
            "a@1",
            "a@10.1",
            "a@１２７.0.0.1",
            "a@b@c.d",
            "a\r\nBcc: x@c.d",
            "a\n@c.d",
            "a\r@c.d",
            "a@c.d\r\nBcc: x@c.d",
            "a@c\n.d",
            "a,b@c.d",
            "a@c.d,b@c.d",
            "a@c.d;b@c.d",
            "A <a@c.d>",
            "<a@c.d>",
            "a@c.d (comment)",
            "group:a@c.d;",
        ] {
            assert!(Email::parse(text).is_err(), "{text:?}");
        }
        assert!(Email::parse(&format!("{}@x.org", "a".repeat(65))).is_err());
    }
}
