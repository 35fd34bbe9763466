//! Stored hashes: PHC strings, as they were written by this server or another.

use argon2::Params;

use super::{Argon2Cost, HASH_BYTES};

/// A PHC string taken apart.
pub(super) struct Stored {
    pub(super) params: Params,
    pub(super) salt: Vec<u8>,
    pub(super) hash: Vec<u8>,
}

impl Stored {
    /// Reads a hash by argon2id, version 1.3, of a cost that is taken here.
    pub(super) fn read(text: &str) -> Option<Self> {
        let phc = phc::PasswordHash::new(text).ok()?;
        // A fourth parameter (`keyid`, `data`) would be part of what was hashed.
        let three = phc.params.iter().count() == 3;
        if phc.algorithm.as_str() != "argon2id" || phc.version != Some(19) || !three {
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
