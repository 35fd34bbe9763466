//! Stored hashes: written by this server, or by another system.

use argon2::{Algorithm, Params, Version};

use super::foreign::{self, Foreign};
use super::phc_string::PhcString;
use super::unsalted::{DigestFunction, UnsaltedDigest};
use super::{Argon2Cost, OpenSealed, UnusableHash};

/// Longest text of a hash, in bytes. No supported scheme writes a longer one.
const LONGEST: usize = 512;

/// Schemes that are known by their beginning and not supported.
const UNSUPPORTED: &[(&str, &str, &str)] = &[
    ("$2x$", "bcrypt $2x$", "it marks hashes of a faulty implementation; set a new password"),
    ("$2$", "bcrypt $2$", "its version is not defined; set a new password"),
    ("$1$", "MD5-crypt", "it can be guessed too fast; set a new password"),
    ("$apr1$", "MD5-crypt", "it can be guessed too fast; set a new password"),
    ("$P$", "phpass", "it can be guessed too fast; set a new password"),
    ("$H$", "phpass", "it can be guessed too fast; set a new password"),
    ("$S$", "Drupal's SHA-512", "set a new password"),
    ("$wp$", "WordPress's bcrypt of an HMAC", "set a new password"),
    (
        "$fbscrypt$",
        "Firebase's scrypt with an open key",
        "write it as $firebase-scrypt$salt$digest, and give the key by --firebase-key-file of users import",
    ),
    ("$y$", "yescrypt", "set a new password"),
    ("$gy$", "yescrypt", "set a new password"),
    ("$7$", "scrypt in crypt format", "write it as $scrypt$ln=…,r=…,p=…$salt$digest"),
    ("md5$", "Django's salted MD5", "it can be guessed too fast; set a new password"),
    ("sha1$", "Django's salted SHA-1", "it can be guessed too fast; set a new password"),
    ("{SSHA", "LDAP's salted SHA", "it can be guessed too fast; set a new password"),
    ("{SMD5}", "LDAP's salted MD5", "it can be guessed too fast; set a new password"),
    ("{", "a scheme in braces", "set a new password"),
];

/// Parsed hash.
pub(super) struct StoredHash {
    pub(super) scheme: Scheme,
    pub(super) salt: Vec<u8>,
    pub(super) digest: Vec<u8>,
}

/// Hash function of a stored hash, with its cost.
pub(super) enum Scheme {
    /// Argon2, which the hashing buffers are for.
    Argon2(Algorithm, Version, Params),
    /// Argon2id of a digest without a salt, which an import wrapped.
    Wrapped(DigestFunction, Params),
    /// Another one.
    Foreign(Foreign),
}

impl StoredHash {
    /// Parses a hash with a cost that the configured one admits. Nothing is computed.
    pub(super) fn parse(text: &str, configured: Argon2Cost) -> Result<Self, UnusableHash> {
        if text.len() > LONGEST || !text.is_ascii() {
            return Err(UnusableHash::Unknown);
        }
        // Spring Security and OpenLDAP write `{bcrypt}` or `{CRYPT}` before a hash that names its scheme itself.
        let in_braces = text.strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let text = in_braces.map(|(_, rest)| rest).filter(|rest| rest.starts_with('$')).unwrap_or(text);
        // Django writes its own name of some schemes before the hash.
        let text = ["argon2$argon2", "bcrypt$$2"]
            .into_iter()
            .find(|prefix| text.starts_with(prefix))
            .and_then(|_| text.split_once('$'))
            .map_or(text, |(_, rest)| rest);
        for (id, algorithm) in [
            ("$argon2id$", Algorithm::Argon2id),
            ("$argon2i$", Algorithm::Argon2i),
            ("$argon2d$", Algorithm::Argon2d),
            ("argon2id$", Algorithm::Argon2id),
            ("argon2i$", Algorithm::Argon2i),
            ("argon2d$", Algorithm::Argon2d),
        ] {
            if let Some(rest) = text.strip_prefix(id) {
                return Self::argon2(algorithm, rest, configured);
            }
        }
        if let Some((function, rest)) = DigestFunction::of_stored(text) {
            let hash = Self::argon2(Algorithm::Argon2id, rest, configured)?;
            return match hash.scheme {
                Scheme::Argon2(_, Version::V0x13, params) => {
                    Ok(Self { scheme: Scheme::Wrapped(function, params), ..hash })
                }
                _ => Err(UnusableHash::Unknown),
            };
        }
        if UnsaltedDigest::parse(text).is_some() {
            return Err(UnusableHash::Unwrapped);
        }
        if let Some((_, scheme, reason)) = UNSUPPORTED.iter().find(|(id, ..)| text.starts_with(id)) {
            return Err(UnusableHash::Unsupported { scheme, reason });
        }
        let parsed = foreign::parse(text, configured).unwrap_or(Err(UnusableHash::Unknown))?;
        let scheme = Scheme::Foreign(parsed.function);
        Ok(Self { scheme, salt: parsed.salt, digest: parsed.digest })
    }

    /// Opens what the master key has sealed in the hash.
    pub(super) fn open(self, open: Option<&OpenSealed>) -> Result<Self, UnusableHash> {
        match self.scheme {
            Scheme::Foreign(foreign) => Ok(Self { scheme: Scheme::Foreign(foreign.open(open)?), ..self }),
            Scheme::Argon2(..) | Scheme::Wrapped(..) => Ok(self),
        }
    }

    fn argon2(algorithm: Algorithm, rest: &str, configured: Argon2Cost) -> Result<Self, UnusableHash> {
        let malformed = |fault| UnusableHash::Malformed { scheme: "argon2", fault };
        // A further parameter (`keyid`, `data`) would be part of the hashed input.
        let phc = PhcString::read("argon2", rest, &["m", "t", "p"], "")?;
        let version = match phc.version {
            Some("19") => Version::V0x13,
            // The first version wrote none.
            Some("16") | None => Version::V0x10,
            Some(_) => return Err(malformed("the version must be 16 or 19")),
        };
        let cost =
            Argon2Cost { memory_kib: phc.number("m")?, passes: phc.number("t")?, lanes: phc.number("p")? };
        let params = cost.params(phc.digest.len()).ok_or_else(|| malformed("its cost is out of range"))?;
        if phc.salt.len() < argon2::MIN_SALT_LEN {
            return Err(malformed("the salt must have at least 8 bytes"));
        }
        if !configured.admits(cost) {
            let ceiling = format!("4 times the memory or 8 times the work of CLOAKROOM_ARGON2, {configured}");
            return Err(UnusableHash::TooCostly { cost: cost.to_string(), ceiling });
        }
        let scheme = Scheme::Argon2(algorithm, version, params);
        Ok(Self { scheme, salt: phc.salt, digest: phc.digest })
    }
}
