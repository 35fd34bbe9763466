//! Digests without a salt, which old systems kept of passwords. Such a digest can be guessed too fast, so it is stored
//! inside an argon2id hash: that of the digest in place of the password.

use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA512};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use zeroize::Zeroizing;

/// Digest function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DigestFunction {
    Md5,
    Sha1,
    Sha256,
    Sha512,
}

/// Digest of a password.
pub(crate) struct UnsaltedDigest {
    pub(super) function: DigestFunction,
    pub(super) digest: Zeroizing<Vec<u8>>,
}

impl DigestFunction {
    /// Each function with its name in the stored hash, its length in bytes, and the beginnings that Django and LDAP
    /// write.
    const ALL: [(Self, &'static str, usize, [&'static str; 2]); 4] = [
        (Self::Md5, "argon2id-md5", 16, ["md5$$", "{MD5}"]),
        (Self::Sha1, "argon2id-sha1", 20, ["sha1$$", "{SHA}"]),
        (Self::Sha256, "argon2id-sha256", 32, ["sha256$$", "{SHA256}"]),
        (Self::Sha512, "argon2id-sha512", 64, ["sha512$$", "{SHA512}"]),
    ];

    /// Parses the name at the beginning of a stored hash, and returns the rest.
    pub(super) fn of_stored(text: &str) -> Option<(Self, &str)> {
        let (name, rest) = text.strip_prefix('$')?.split_once('$')?;
        Self::ALL.into_iter().find(|(_, known, ..)| *known == name).map(|(function, ..)| (function, rest))
    }

    /// Returns the name at the beginning of a stored hash.
    pub(super) fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(function, ..)| *function == self).map_or("", |(_, name, ..)| name)
    }

    /// Computes the digest of a password.
    pub(super) fn digest(self, password: &[u8]) -> Zeroizing<Vec<u8>> {
        let by = |algorithm| digest::digest(algorithm, password).as_ref().to_vec();
        Zeroizing::new(match self {
            Self::Md5 => Md5::digest(password).to_vec(),
            Self::Sha1 => by(&SHA1_FOR_LEGACY_USE_ONLY),
            Self::Sha256 => by(&SHA256),
            Self::Sha512 => by(&SHA512),
        })
    }
}

impl UnsaltedDigest {
    /// Parses a digest: in hexadecimal, as Django writes it, or in base64 as LDAP writes it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        DigestFunction::ALL.into_iter().find_map(|(function, _, length, prefixes)| {
            let bare = prefixes.iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(text);
            let base64 = || STANDARD.decode(bare).ok().filter(|_| bare.len() < text.len());
            let digest = hexadecimal(bare).or_else(base64).filter(|digest| digest.len() == length)?;
            Some(Self { function, digest: Zeroizing::new(digest) })
        })
    }
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = text.as_bytes().chunks(2).map(|pair| match *pair {
        [high, low] => u8::try_from(digit(high)? * 16 + digit(low)?).ok(),
        _ => None,
    });
    pairs.collect()
}
