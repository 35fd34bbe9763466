//! SHA-crypt, as in `/etc/shadow`: `$6$rounds=5000$salt$digest` by SHA-512, `$5$` by SHA-256.

use sha_crypt::{Params, sha256_crypt, sha512_crypt};
use zeroize::Zeroizing;

use super::super::UnusableHash;
use super::super::phc_string::number;
use super::parsed::{Parsed, Recognized};

const SCHEME: &str = "SHA-crypt";

/// Most rounds: about a second of a core.
const CEILING: u32 = 1_000_000;

/// Fewest rounds. `crypt` never writes fewer.
const FEWEST: u32 = 1_000;

/// Rounds of a text that names none.
const DEFAULT: u32 = 5_000;

/// Longest salt, in bytes. `crypt` ignores what follows.
const LONGEST_SALT: usize = 16;

/// Longest password, in bytes: each round hashes it twice.
const LONGEST_PASSWORD: usize = 256;

/// Base64 of `crypt`.
const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// SHA-crypt with its cost.
pub(in crate::hashing) struct ShaCrypt {
    sha512: bool,
    params: Params,
}

pub(super) fn parse(text: &str) -> Recognized<ShaCrypt> {
    match (text.strip_prefix("$5$"), text.strip_prefix("$6$")) {
        (Some(rest), _) => Some(read(rest, false)),
        (_, Some(rest)) => Some(read(rest, true)),
        _ => None,
    }
}

fn read(rest: &str, sha512: bool) -> Result<Parsed<ShaCrypt>, UnusableHash> {
    let malformed = |fault| UnusableHash::Malformed { scheme: SCHEME, fault };
    let (rounds, rest) = match rest.strip_prefix("rounds=").and_then(|rest| rest.split_once('$')) {
        Some((rounds, rest)) => (number(SCHEME, rounds)?, rest),
        None => (DEFAULT, rest),
    };
    let (salt, digest) =
        rest.split_once('$').ok_or_else(|| malformed("salt and digest must be separated by $"))?;
    if salt.is_empty() || salt.len() > LONGEST_SALT {
        return Err(malformed("the salt must have 1 to 16 characters"));
    }
    let bytes = if sha512 { 64 } else { 32 };
    let digest = decode(digest, bytes)
        .ok_or_else(|| malformed("the digest must have 43 ($5$) or 86 ($6$) characters"))?;
    if rounds < FEWEST {
        return Err(malformed("it must have at least 1000 rounds"));
    }
    if rounds > CEILING {
        let (cost, ceiling) = (format!("{rounds} rounds of SHA-crypt"), CEILING.to_string());
        return Err(UnusableHash::TooCostly { cost, ceiling });
    }
    let params = Params::new(rounds).map_err(|_| malformed("its cost is out of range"))?;
    Ok(Parsed { function: ShaCrypt { sha512, params }, salt: salt.as_bytes().to_vec(), digest })
}

/// Decodes a digest (SHA-crypt specification, step 22). A group of four characters, the lowest six bits first, is three
/// bytes. Their places in the digest begin a third apart and go round. The last group is shorter.
fn decode(text: &str, bytes: usize) -> Option<Vec<u8>> {
    if text.len() != (bytes * 8).div_ceil(6) {
        return None;
    }
    let mut digest = vec![0; bytes];
    let third = bytes / 3;
    let step = if bytes == 64 { 22 } else { 21 };
    let around = third * 3;
    for (group, characters) in text.as_bytes().chunks(4).enumerate() {
        let mut value = 0_u32;
        for (place, character) in characters.iter().enumerate() {
            let six = ALPHABET.iter().position(|known| known == character)?;
            value |= u32::try_from(six).ok()? << (6 * place);
        }
        let places: Vec<usize> = if group < third {
            let first = group * step % around;
            vec![first, (first + third) % around, (first + third * 2) % around]
        } else {
            (around..bytes).rev().collect()
        };
        let length = places.len();
        for (index, place) in places.into_iter().enumerate() {
            *digest.get_mut(place)? = value.to_be_bytes().get(4 - length + index).copied()?;
        }
        if value >> (8 * length) != 0 {
            return None;
        }
    }
    Some(digest)
}

impl ShaCrypt {
    pub(super) fn digest(&self, password: &[u8], salt: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        if password.len() > LONGEST_PASSWORD || password.contains(&0) {
            return None;
        }
        Some(Zeroizing::new(match self.sha512 {
            true => sha512_crypt(password, salt, self.params).to_vec(),
            false => sha256_crypt(password, salt, self.params).to_vec(),
        }))
    }
}
