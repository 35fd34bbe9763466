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

/// Why no password is compared with a stored hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnusableHash {
    /// It is not a PHC string of argon2id, or its cost is out of range.
    #[error("must be a hash by argon2id, as $argon2id$v=19$m=19456,t=2,p=1$…")]
    NotArgon2id,
    /// Its cost is above the multiple of the configured cost.
    #[error(
        "costs {stored}, more than 4 times the memory or 8 times the work of CLOAKROOM_ARGON2, {configured}"
    )]
    TooCostly {
        /// Cost of the hash.
        stored: Argon2Cost,
        /// Configured cost.
        configured: Argon2Cost,
    },
}

/// Checks that a server with this cost compares passwords with a hash. Every hash from outside passes here.
///
/// # Errors
/// The reason for which it does not.
pub(crate) fn check_stored_hash(hash: &PasswordHash, configured: Argon2Cost) -> Result<(), UnusableHash> {
    StoredHash::parse(hash.expose_phc(), configured).map(|_| ())
}

impl StoredHash {
    /// Parses a hash by argon2id, version 1.3, with a cost that the configured one admits.
    pub(super) fn parse(text: &str, configured: Argon2Cost) -> Result<Self, UnusableHash> {
        let (cost, stored) = Self::parse_phc(text).ok_or(UnusableHash::NotArgon2id)?;
        match configured.admits(cost) {
            true => Ok(stored),
            false => Err(UnusableHash::TooCostly { stored: cost, configured }),
        }
    }

    fn parse_phc(text: &str) -> Option<(Argon2Cost, Self)> {
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
        Some((cost, Self { params: cost.params(hash.len())?, salt, hash }))
    }
}
