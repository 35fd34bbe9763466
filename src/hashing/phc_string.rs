//! PHC strings: `$id[$v=…]$name=value,…$salt$digest`.

use super::UnusableHash;
use super::encoding::base64;
use crate::domain::parse_number;

/// Longest salt, in bytes.
const LONGEST_SALT: usize = 128;

/// Digest lengths, in bytes. A shorter digest can match by chance, and a longer one multiplies the work.
const DIGEST_BYTES: std::ops::RangeInclusive<usize> = 16..=64;

/// Parts of a hash. Each fault is one of this scheme.
pub(super) struct PhcString<'a> {
    scheme: &'static str,
    /// Version, if there is one.
    pub(super) version: Option<&'a str>,
    /// Parameters. They are as many as the caller asks for, and no name is twice among them.
    parameters: Vec<(&'a str, &'a str)>,
    pub(super) salt: Vec<u8>,
    pub(super) digest: Vec<u8>,
}

impl<'a> PhcString<'a> {
    /// Reads what follows `$id$`, with exactly these parameters besides the `optional` one.
    pub(super) fn read(
        scheme: &'static str,
        text: &'a str,
        names: &[&str],
        optional: &str,
    ) -> Result<Self, UnusableHash> {
        let malformed = |fault| UnusableHash::Malformed { scheme, fault };
        let (version, text) = match text.strip_prefix("v=").and_then(|rest| rest.split_once('$')) {
            Some((version, rest)) => (Some(version), rest),
            None => (None, text),
        };
        let mut parts = text.splitn(4, '$');
        let (Some(list), Some(salt), Some(digest), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed("parameters, salt and digest must be separated by $"));
        };
        let mut parameters: Vec<(&str, &str)> = Vec::with_capacity(names.len() + 1);
        for parameter in list.split(',') {
            let (name, value) =
                parameter.split_once('=').ok_or_else(|| malformed("a parameter must be name=value"))?;
            let is_known = names.contains(&name) || name == optional;
            if !is_known || parameters.iter().any(|(given, _)| *given == name) {
                return Err(malformed("it has a parameter that is not known, or one twice"));
            }
            parameters.push((name, value));
        }
        let (salt, digest) = salt_and_digest(scheme, base64(salt), base64(digest))?;
        Ok(Self { scheme, version, parameters, salt, digest })
    }

    /// Returns a parameter, a decimal number without sign or leading zero.
    pub(super) fn number(&self, name: &str) -> Result<u32, UnusableHash> {
        number(self.scheme, self.value(name).unwrap_or_default())
    }

    /// Returns a parameter in base64.
    pub(super) fn bytes(&self, name: &str) -> Result<Vec<u8>, UnusableHash> {
        let fault = "a parameter is missing, or is not base64";
        self.value(name).and_then(base64).ok_or(UnusableHash::Malformed { scheme: self.scheme, fault })
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(given, _)| *given == name).map(|(_, value)| *value)
    }
}

/// Reads a decimal number without sign or leading zero.
pub(super) fn number(scheme: &'static str, text: &str) -> Result<u32, UnusableHash> {
    let fault = "a parameter is missing, or is not a positive number";
    parse_number(text).filter(|number| *number > 0).ok_or(UnusableHash::Malformed { scheme, fault })
}

/// Checks the lengths of salt and digest. `None` is one that could not be decoded.
pub(super) fn salt_and_digest(
    scheme: &'static str,
    salt: Option<Vec<u8>>,
    digest: Option<Vec<u8>>,
) -> Result<(Vec<u8>, Vec<u8>), UnusableHash> {
    let malformed = |fault| UnusableHash::Malformed { scheme, fault };
    let salt = salt.ok_or_else(|| malformed("the salt is not base64"))?;
    let digest = digest.ok_or_else(|| malformed("the digest is not base64"))?;
    if salt.is_empty() || salt.len() > LONGEST_SALT {
        return Err(malformed("the salt must have 1 to 128 bytes"));
    }
    if !DIGEST_BYTES.contains(&digest.len()) {
        return Err(malformed("the digest must have 16 to 64 bytes"));
    }
    Ok((salt, digest))
}
