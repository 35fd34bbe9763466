//! scrypt (RFC 7914): `$scrypt$ln=16,r=8,p=1$salt$digest`, and Django's `scrypt$16384$salt$8$5$digest`.

use scrypt::Params;
use zeroize::Zeroizing;

use super::super::encoding::base64;
use super::super::phc_string::{PhcString, number, salt_and_digest};
use super::super::{Argon2Cost, UnusableHash};
use super::parsed::{Parsed, Recognized};

const SCHEME: &str = "scrypt";

/// scrypt with its cost.
pub(in crate::hashing) struct Scrypt(Params);

/// Parses a hash. Its memory and its work have the ceilings of argon2.
pub(super) fn parse(text: &str, configured: Argon2Cost) -> Recognized<Scrypt> {
    match (text.strip_prefix("$scrypt$"), text.strip_prefix("scrypt$")) {
        (Some(rest), _) => Some(phc(rest, configured)),
        (_, Some(rest)) => Some(django(rest, configured)),
        _ => None,
    }
}

fn phc(rest: &str, configured: Argon2Cost) -> Result<Parsed<Scrypt>, UnusableHash> {
    let phc = PhcString::read(SCHEME, rest, &["ln", "r", "p"], "")?;
    let cost = (phc.number("ln")?, phc.number("r")?, phc.number("p")?);
    stored(cost, phc.salt, phc.digest, configured)
}

fn django(rest: &str, configured: Argon2Cost) -> Result<Parsed<Scrypt>, UnusableHash> {
    let malformed = |fault| UnusableHash::Malformed { scheme: SCHEME, fault };
    let parts: Vec<&str> = rest.split('$').collect();
    let [n, salt, r, p, digest] = parts.as_slice() else {
        return Err(malformed("N, salt, r, p and digest must be separated by $"));
    };
    let n = number(SCHEME, n)?;
    if !n.is_power_of_two() {
        return Err(malformed("N must be a power of two"));
    }
    let (salt, digest) = salt_and_digest(SCHEME, Some(salt.as_bytes().to_vec()), base64(digest))?;
    stored((n.ilog2(), number(SCHEME, r)?, number(SCHEME, p)?), salt, digest, configured)
}

fn stored(
    cost: (u32, u32, u32),
    salt: Vec<u8>,
    digest: Vec<u8>,
    configured: Argon2Cost,
) -> Result<Parsed<Scrypt>, UnusableHash> {
    Ok(Parsed { function: Scrypt(within_ceilings(cost, configured)?), salt, digest })
}

/// Returns the parameters of a cost that the configured one admits.
pub(super) fn within_ceilings(
    (log_n, r, p): (u32, u32, u32),
    configured: Argon2Cost,
) -> Result<Params, UnusableHash> {
    // One pass fills a memory of 128 · N · r bytes, and one reads it, for each p. N · r of this size and more
    // is above each ceiling.
    let blocks = 1_u64.checked_shl(log_n).filter(|_| log_n < 32).and_then(|n| n.checked_mul(r.into()));
    let memory_kib = blocks.map(|blocks| blocks.div_ceil(8)).and_then(|kib| u32::try_from(kib).ok());
    let as_argon2 = memory_kib.zip(p.checked_mul(2)).map(|(memory_kib, passes)| Argon2Cost {
        memory_kib,
        passes,
        lanes: 1,
    });
    if !as_argon2.is_some_and(|cost| configured.admits(cost)) {
        let ceiling = format!(
            "4 times the memory (128 · N · r bytes) or 8 times the work (twice p times the memory) of \
             CLOAKROOM_ARGON2, {configured}"
        );
        return Err(UnusableHash::TooCostly { cost: format!("ln={log_n},r={r},p={p} of scrypt"), ceiling });
    }
    let params = u8::try_from(log_n).ok().and_then(|log_n| Params::new(log_n, r, p).ok());
    params.ok_or(UnusableHash::Malformed { scheme: SCHEME, fault: "its cost is out of range" })
}

impl Scrypt {
    pub(super) fn digest(&self, password: &[u8], salt: &[u8], length: usize) -> Option<Zeroizing<Vec<u8>>> {
        let mut digest = Zeroizing::new(vec![0; length]);
        scrypt::scrypt(password, salt, &self.0, &mut digest).ok()?;
        Some(digest)
    }
}
