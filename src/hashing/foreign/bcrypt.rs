//! bcrypt: `$2b$10$` with 22 characters of salt and 31 of digest, and Django's `bcrypt_sha256$`.

use aws_lc_rs::digest;
use zeroize::Zeroizing;

use super::super::UnusableHash;
use super::super::encoding::bcrypt_base64;
use super::parsed::{Parsed, Recognized};

/// Highest cost: about a second of a core.
const CEILING: u32 = 14;

/// Number of bytes of a password that count.
const COUNTED_BYTES: usize = 72;

/// Number of bytes of the digest that the text has.
const DIGEST_BYTES: usize = 23;

/// bcrypt with its cost.
pub(in crate::hashing) struct Bcrypt {
    cost: u32,
    /// Django hashes the hexadecimal SHA-256 of the password, so that every byte of it counts.
    of_sha256: bool,
}

pub(super) fn parse(text: &str) -> Recognized<Bcrypt> {
    let (of_sha256, text) = match text.strip_prefix("bcrypt_sha256$") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let rest = ["$2a$", "$2b$", "$2y$"].into_iter().find_map(|id| text.strip_prefix(id))?;
    Some(read(rest, of_sha256))
}

fn read(rest: &str, of_sha256: bool) -> Result<Parsed<Bcrypt>, UnusableHash> {
    let malformed = |fault| UnusableHash::Malformed { scheme: "bcrypt", fault };
    let (cost, rest) = rest.split_once('$').ok_or_else(|| malformed("the cost must have two digits"))?;
    let has_two_digits = cost.len() == 2 && cost.bytes().all(|byte| byte.is_ascii_digit());
    let cost = cost.parse().ok().filter(|_| has_two_digits);
    let cost: u32 = cost.ok_or_else(|| malformed("the cost must have two digits"))?;
    if !(4..=31).contains(&cost) {
        return Err(malformed("the cost must be 04 to 31"));
    }
    let parts = rest.split_at_checked(22).filter(|(_, digest)| digest.len() == 31);
    let (salt, digest) = parts.ok_or_else(|| malformed("salt and digest must have 22 and 31 characters"))?;
    let not_base64 = || malformed("salt and digest must be bcrypt's base64");
    let salt = bcrypt_base64(salt).ok_or_else(not_base64)?;
    let digest = bcrypt_base64(digest).ok_or_else(not_base64)?;
    if cost > CEILING {
        let (cost, ceiling) = (format!("{cost} of bcrypt"), CEILING.to_string());
        return Err(UnusableHash::TooCostly { cost, ceiling });
    }
    Ok(Parsed { function: Bcrypt { cost, of_sha256 }, salt, digest })
}

impl Bcrypt {
    /// A password with U+0000 matches nothing: implementations in C stop there, others do not.
    pub(super) fn digest(&self, password: &[u8], salt: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        if password.contains(&0) {
            return None;
        }
        let mut key = Zeroizing::new(Vec::with_capacity(COUNTED_BYTES));
        if self.of_sha256 {
            let sha256 = digest::digest(&digest::SHA256, password);
            key.extend(sha256.as_ref().iter().flat_map(|byte| hexadecimal(*byte)));
        } else {
            key.extend(password.iter().take(COUNTED_BYTES));
        }
        if key.len() < COUNTED_BYTES {
            key.push(0);
        }
        let digest = bcrypt::bcrypt(self.cost, salt.try_into().ok()?, &key);
        Some(Zeroizing::new(digest.into_iter().take(DIGEST_BYTES).collect()))
    }

    /// True when bytes of this password are ignored.
    pub(super) fn truncates(&self, password: &[u8]) -> bool {
        !self.of_sha256 && password.len() > COUNTED_BYTES
    }
}

fn hexadecimal(byte: u8) -> [u8; 2] {
    let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + (nibble - 10) };
    [digit(byte >> 4), digit(byte & 15)]
}
