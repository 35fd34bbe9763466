//! PBKDF2 (RFC 8018 §5.2): PHC strings, those of passlib (`$pbkdf2-sha256$29000$salt$digest`), of Django
//! (`pbkdf2_sha256$600000$salt$digest`), and of ASP.NET Identity (base64 of a header, salt and digest).

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2::{self, Algorithm, PBKDF2_HMAC_SHA1, PBKDF2_HMAC_SHA256, PBKDF2_HMAC_SHA512};
use zeroize::Zeroizing;

use super::super::UnusableHash;
use super::super::encoding::base64;
use super::super::phc_string::{PhcString, number, salt_and_digest};
use super::parsed::{Parsed, Recognized};

const SCHEME: &str = "PBKDF2";

/// Most iterations, each counted for every block of the digest: about a second of a core.
const CEILING: u64 = 2_500_000;

/// PBKDF2 with its cost.
pub(in crate::hashing) struct Pbkdf2 {
    prf: Prf,
    iterations: NonZeroU32,
}

/// Pseudorandom function: an HMAC.
#[derive(Clone, Copy)]
enum Prf {
    Sha1,
    Sha256,
    Sha512,
}

pub(super) fn parse(text: &str) -> Recognized<Pbkdf2> {
    for (id, prf) in [
        ("$pbkdf2-sha512$", Prf::Sha512),
        ("$pbkdf2-sha256$", Prf::Sha256),
        ("$pbkdf2-sha1$", Prf::Sha1),
        ("$pbkdf2$", Prf::Sha1),
    ] {
        if let Some(rest) = text.strip_prefix(id) {
            return Some(if rest.contains('=') && !rest.starts_with(|first: char| first.is_ascii_digit()) {
                phc(prf, rest)
            } else {
                three_parts(prf, rest, base64)
            });
        }
    }
    for (id, prf) in
        [("pbkdf2_sha512$", Prf::Sha512), ("pbkdf2_sha256$", Prf::Sha256), ("pbkdf2_sha1$", Prf::Sha1)]
    {
        if let Some(rest) = text.strip_prefix(id) {
            // The salt is the text itself.
            return Some(three_parts(prf, rest, |salt| Some(salt.as_bytes().to_vec())));
        }
    }
    aspnet(text)
}

/// Reads a PHC string. `l` is the length of the digest, which the digest has anyway.
fn phc(prf: Prf, rest: &str) -> Result<Parsed<Pbkdf2>, UnusableHash> {
    let phc = PhcString::read(SCHEME, rest, &["i"], "l")?;
    stored(prf, phc.number("i")?, phc.salt, phc.digest)
}

/// Reads iterations, salt and digest.
fn three_parts(
    prf: Prf,
    rest: &str,
    salt_of: impl Fn(&str) -> Option<Vec<u8>>,
) -> Result<Parsed<Pbkdf2>, UnusableHash> {
    let parts: Vec<&str> = rest.split('$').collect();
    let [iterations, salt, digest] = parts.as_slice() else {
        let fault = "iterations, salt and digest must be separated by $";
        return Err(UnusableHash::Malformed { scheme: SCHEME, fault });
    };
    let (salt, digest) = salt_and_digest(SCHEME, salt_of(salt), base64(digest))?;
    stored(prf, number(SCHEME, iterations)?, salt, digest)
}

/// Reads a hash of ASP.NET Identity. Version 3: a byte 1, then PRF, iterations and length of the salt (big-endian,
/// 32 bits each), salt and digest. Version 2: a byte 0, 16 bytes of salt and 32 of digest, by 1,000 iterations.
fn aspnet(text: &str) -> Recognized<Pbkdf2> {
    if text.contains(['$', '.', '-', '_']) {
        return None;
    }
    let bytes = base64(text)?;
    let (version, rest) = bytes.split_first()?;
    match version {
        0 if rest.len() == 48 => {
            let (salt, digest) = rest.split_at_checked(16)?;
            Some(stored(Prf::Sha1, 1_000, salt.to_vec(), digest.to_vec()))
        }
        1 => aspnet_3(rest),
        _ => None,
    }
}

fn aspnet_3(rest: &[u8]) -> Recognized<Pbkdf2> {
    let (prf, rest) = rest.split_first_chunk()?;
    let (iterations, rest) = rest.split_first_chunk()?;
    let (salt_length, rest) = rest.split_first_chunk()?;
    let prf = match u32::from_be_bytes(*prf) {
        0 => Prf::Sha1,
        1 => Prf::Sha256,
        2 => Prf::Sha512,
        _ => return None,
    };
    let salt_length = usize::try_from(u32::from_be_bytes(*salt_length)).ok()?;
    let (salt, digest) = rest.split_at_checked(salt_length)?;
    let parts = salt_and_digest(SCHEME, Some(salt.to_vec()), Some(digest.to_vec()));
    Some(parts.and_then(|(salt, digest)| stored(prf, u32::from_be_bytes(*iterations), salt, digest)))
}

fn stored(prf: Prf, iterations: u32, salt: Vec<u8>, digest: Vec<u8>) -> Result<Parsed<Pbkdf2>, UnusableHash> {
    let none = UnusableHash::Malformed { scheme: SCHEME, fault: "it has no iterations" };
    let count = NonZeroU32::new(iterations).ok_or(none)?;
    let blocks = u64::try_from(digest.len().div_ceil(prf.digest_bytes())).unwrap_or(u64::MAX);
    if u64::from(iterations).saturating_mul(blocks) > CEILING {
        let cost = format!("{iterations} iterations of PBKDF2 for each of {blocks} blocks of the digest");
        return Err(UnusableHash::TooCostly { cost, ceiling: format!("{CEILING} in all") });
    }
    Ok(Parsed { function: Pbkdf2 { prf, iterations: count }, salt, digest })
}

impl Prf {
    fn digest_bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    fn algorithm(self) -> Algorithm {
        match self {
            Self::Sha1 => PBKDF2_HMAC_SHA1,
            Self::Sha256 => PBKDF2_HMAC_SHA256,
            Self::Sha512 => PBKDF2_HMAC_SHA512,
        }
    }
}

impl Pbkdf2 {
    pub(super) fn digest(&self, password: &[u8], salt: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
        let mut digest = Zeroizing::new(vec![0; length]);
        pbkdf2::derive(self.prf.algorithm(), self.iterations, salt, password, &mut digest);
        digest
    }
}
