//! The hash function argon2id at its configured cost.

use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::cost::HASH_BYTES;
use super::pace::Pace;
use super::pool::Memory;
use super::stored_hash::{Scheme, StoredHash};
use super::unsalted::UnsaltedDigest;
use super::{Argon2Cost, UnusableHash};
use crate::domain::{PasswordAttempt, PasswordHash, Random};

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
    pub(super) pace: Pace,
}

impl Argon2id {
    /// Hashes a password with a new salt.
    pub(super) fn new_hash(&self, memory: &mut Memory, password: &[u8]) -> Option<PasswordHash> {
        self.named_hash("argon2id", memory, password)
    }

    /// Hashes a digest without a salt, in place of the password.
    pub(super) fn wrap(&self, memory: &mut Memory, unsalted: &UnsaltedDigest) -> Option<PasswordHash> {
        self.named_hash(unsalted.function.name(), memory, &unsalted.digest)
    }

    fn named_hash(&self, name: &str, memory: &mut Memory, input: &[u8]) -> Option<PasswordHash> {
        let salt: [u8; SALT_BYTES] = self.random.bytes().ok()?;
        let hash = self.run_own(memory, input, &salt)?;
        let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(&*hash));
        Some(PasswordHash::from_phc(format!("${name}$v=19${}${salt}${hash}", self.cost)))
    }

    /// Compares a password with a stored hash in constant time: normalized, and then as it was typed, because other
    /// systems do not normalize.
    pub(super) fn compare(
        &self,
        memory: &mut Memory,
        attempt: &PasswordAttempt,
        stored: &StoredHash,
    ) -> Option<Verdict> {
        for password in attempt.expose_forms() {
            if self.matches(memory, password, stored)? {
                // If the new hash fails, the old one stays.
                let upgraded =
                    self.is_outdated(stored, password).then(|| self.new_hash(memory, attempt.expose()));
                return Some(Verdict::Match { upgraded: upgraded.flatten() });
            }
        }
        Some(Verdict::Mismatch)
    }

    fn matches(&self, memory: &mut Memory, password: &[u8], stored: &StoredHash) -> Option<bool> {
        match &stored.scheme {
            Scheme::Argon2(algorithm, version, params) => {
                let argon2 = Argon2::new(*algorithm, *version, params.clone());
                Some(self.run(memory, &argon2, password, &stored.salt)?.ct_eq(&stored.digest).into())
            }
            Scheme::Wrapped(function, params) => {
                let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
                let digest = function.digest(password);
                Some(self.run(memory, &argon2, &digest, &stored.salt)?.ct_eq(&stored.digest).into())
            }
            Scheme::Foreign(foreign) => {
                let begun = Instant::now();
                let computed = foreign.digest(password, &stored.salt, stored.digest.len());
                let matches = computed.is_some_and(|computed| computed.ct_eq(&stored.digest).into());
                if !matches {
                    self.fill_up(memory, password, begun.elapsed())?;
                }
                Some(matches)
            }
        }
    }

    /// Makes a mismatch with a hash by a faster function take as long as one with a hash of this server.
    fn fill_up(&self, memory: &mut Memory, password: &[u8], elapsed: Duration) -> Option<()> {
        self.pace.note_foreign(elapsed);
        if let Some(memory_kib) = self.pace.missing_memory(elapsed, self.cost) {
            let params = Argon2Cost { memory_kib, ..self.cost }.params(HASH_BYTES)?;
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            self.run(memory, &argon2, password, &[0; SALT_BYTES])?;
        }
        Some(())
    }

    /// True when a new hash replaces one that this password matched.
    fn is_outdated(&self, stored: &StoredHash, password: &[u8]) -> bool {
        match &stored.scheme {
            Scheme::Argon2(Algorithm::Argon2id, Version::V0x13, params) => {
                *params != self.params || stored.salt.len() < SALT_BYTES
            }
            Scheme::Argon2(..) | Scheme::Wrapped(..) => true,
            Scheme::Foreign(foreign) => foreign.is_replaceable(password),
        }
    }

    /// Takes as long as a comparison. For accounts that do not exist or have no password.
    pub(super) fn compare_without_hash(
        &self,
        memory: &mut Memory,
        attempt: &PasswordAttempt,
    ) -> Option<Verdict> {
        for password in attempt.expose_forms() {
            self.run_own(memory, password, &[0; SALT_BYTES])?;
        }
        Some(Verdict::Mismatch)
    }

    /// Runs the function at the configured cost, and notes how long it takes.
    fn run_own(&self, memory: &mut Memory, password: &[u8], salt: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let begun = Instant::now();
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, self.params.clone());
        let hash = self.run(memory, &argon2, password, salt)?;
        self.pace.note_own(begun.elapsed());
        Some(hash)
    }

    fn run(
        &self,
        memory: &mut Memory,
        argon2: &Argon2<'_>,
        password: &[u8],
        salt: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let mut hash = Zeroizing::new(vec![0; argon2.params().output_len()?]);
        self.reserve(memory, argon2.params().block_count())?;
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
