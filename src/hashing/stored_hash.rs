//! Stored hashes: PHC strings, written by this server or by another.

use argon2::Params;

use super::Argon2Cost;
use super::cost::HASH_BYTES;
use crate::domain::PasswordHash;

/// Parsed PHC string.
pub(super) struct StoredHash {
    pub(super) params: Params,
    pub(super) salt: Vec<u8>,
    pub(super) hash: Vec<u8>,
}

/// True when passwords can be compared with this hash.
pub(crate) fn is_supported(hash: &PasswordHash) -> bool {
    StoredHash::parse(hash.expose_phc()).is_some()
}

impl StoredHash {
    /// Parses a hash by argon2id, version 1.3, with a supported cost.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let phc = phc::PasswordHash::new(text).ok()?;
        // A fourth parameter (`keyid`, `data`) would be part of the hashed input.
        let has_three = phc.params.iter().count() == 3;
        if phc.algorithm.as_str() != "argon2id" || phc.version != Some(19) || !has_three {
            return None;
        }
        let cost = Argon2Cost {
            memory_kib: phc.params.get_decimal("m")?,
            passes: phc.params.get_decimal("t")?,
            lanes: phc.params.get_decimal("p")?,
        };
        let (salt, hash) = (phc.salt?.to_vec(), phc.hash?.as_bytes().to_vec());
        if hash.len() < HASH_BYTES / 2 {
            return None;
        }
        Some(Self { params: cost.params(hash.len())?, salt, hash })
    }
}
