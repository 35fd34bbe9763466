//! The hash function argon2id at its configured cost.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::pool::Memory;
use super::stored_hash::StoredHash;
use super::{Argon2Cost, UnusableHash};
use crate::domain::{PasswordHash, Random};

const SALT_BYTES: usize = 16;

/// Result of comparing a password with a hash.
pub enum Verdict {
    /// The password matches.
    Match {
        /// New hash of the password, to replace a stored hash with another cost than the configured one.
        upgraded: Option<PasswordHash>,
    },
    /// The password does not match, or there is no hash.
    Mismatch,
    /// The stored hash was not computed. To the caller it is a mismatch, and it takes as long.
    Unusable(UnusableHash),
}

/// Hash function at its configured cost.
pub(super) struct Argon2id {
    pub(super) cost: Argon2Cost,
    pub(super) params: Params,
    pub(super) random: Random,
}

impl Argon2id {
    /// Hashes a password with a new salt.
    pub(super) fn new_hash(&self, memory: &mut Memory, password: &[u8]) -> Option<PasswordHash> {
        let salt: [u8; SALT_BYTES] = self.random.bytes().ok()?;
        let hash = self.run(memory, self.params.clone(), password, &salt)?;
        let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(&*hash));
        Some(PasswordHash::from_phc(format!("$argon2id$v=19${}${salt}${hash}", self.cost)))
    }

    /// Compares a password with a stored hash in constant time.
    pub(super) fn compare(
        &self,
        memory: &mut Memory,
        password: &[u8],
        stored: &StoredHash,
    ) -> Option<Verdict> {
        let computed = self.run(memory, stored.params.clone(), password, &stored.salt)?;
        if !bool::from(computed.ct_eq(&stored.hash)) {
            return Some(Verdict::Mismatch);
        }
        let is_current = stored.params == self.params && stored.salt.len() >= SALT_BYTES;
        // If the new hash fails, the old one stays.
        let upgraded = if is_current { None } else { self.new_hash(memory, password) };
        Some(Verdict::Match { upgraded })
    }

    /// Takes as long as a comparison. For accounts that do not exist or have no password.
    pub(super) fn compare_without_hash(&self, memory: &mut Memory, password: &[u8]) -> Option<Verdict> {
        self.run(memory, self.params.clone(), password, &[0; SALT_BYTES])?;
        Some(Verdict::Mismatch)
    }

    fn run(
        &self,
        memory: &mut Memory,
        params: Params,
        password: &[u8],
        salt: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let mut hash = Zeroizing::new(vec![0; params.output_len()?]);
        self.reserve(memory, params.block_count())?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let done = argon2.hash_password_into_with_memory(password, salt, &mut hash, memory.as_mut_slice());
        // Releases a larger buffer, which only an old hash of a higher cost needs.
        if memory.len() > self.params.block_count() {
            *memory = Memory::new();
        }
        done.ok().map(|()| hash)
    }

    /// Enlarges the buffer if necessary. Reserves the exact size, because `resize` alone can reserve more.
    fn reserve(&self, memory: &mut Memory, blocks: usize) -> Option<()> {
        if memory.len() < blocks {
            let blocks = blocks.max(self.params.block_count());
            *memory = Memory::new();
            memory.try_reserve_exact(blocks).ok()?;
            memory.resize(blocks, Block::new());
        }
        Some(())
    }
}
