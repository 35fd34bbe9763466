//! Password hashes (argon2id, RFC 9106) in a lane of their own: a few at a time, a few waiting, the
//! rest turned away, so that ten times the logins that the cores can hash slow nothing else.

mod pool;
mod stored;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use self::stored::Stored;
use crate::domain::{NewPassword, PasswordAttempt, PasswordHash, Random};
use crate::telemetry::traces;
use pool::{Lanes, Memory};

const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

/// What a password hash costs (argon2id, RFC 9106 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argon2Cost {
    /// `m`, in KiB; 8 for each lane to 4 GiB.
    pub memory_kib: u32,
    /// `t`; 1 to 1024.
    pub passes: u32,
    /// `p`; 1 to 16.
    pub lanes: u32,
}

impl Argon2Cost {
    /// Bounded, since a cost is also read from the database.
    fn params(self, hash_bytes: usize) -> Option<Params> {
        let Self { memory_kib, passes, lanes } = self;
        if memory_kib > 4 << 20 || passes > 1024 || lanes > 16 {
            return None;
        }
        Params::new(memory_kib, passes, lanes, Some(hash_bytes)).ok()
    }
}

/// The cost is out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("argon2id takes m of 8 KiB for each lane to 4 GiB, t from 1 to 1024, and p from 1 to 16")]
pub struct InvalidCost;

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// As many wait as may: try again later (503 with `Retry-After`).
    #[error("too many passwords are being hashed")]
    Busy,
    /// There is no randomness, no memory, or the stored hash is not one.
    #[error("the password could not be hashed")]
    Failed,
}

/// Whether a hash from elsewhere is one with which passwords can be compared here.
pub(crate) fn is_taken_here(hash: &PasswordHash) -> bool {
    Stored::read(hash.expose_phc()).is_some()
}

/// What comes of comparing a password with a hash.
pub enum Verdict {
    /// It is the password.
    Match {
        /// A new hash of the password, to be stored in place of the old one, which has another
        /// cost than the one configured.
        upgraded: Option<PasswordHash>,
    },
    /// It is not, or there is no hash to be compared with.
    Mismatch,
}

/// The one place where passwords are hashed. Cheap to clone; all clones share the lanes.
#[derive(Clone)]
pub struct Hasher {
    argon2id: Arc<Argon2id>,
    lanes: Arc<Lanes>,
}

/// What the lanes are doing.
pub struct HashLoad {
    /// How many there are.
    pub lanes: usize,
    /// Passwords that are being hashed.
    pub running: usize,
    /// Passwords that wait for a lane.
    pub waiting: usize,
    /// Passwords that were turned away since the start.
    pub turned_away: u64,
}

impl Hasher {
    /// Hashes at this `cost`, `lanes` at a time (at least one), while at most `queue` more wait.
    ///
    /// # Errors
    /// When the cost is out of range.
    pub fn new(cost: Argon2Cost, lanes: usize, queue: usize, random: Random) -> Result<Self, InvalidCost> {
        let params = cost.params(HASH_BYTES).ok_or(InvalidCost)?;
        Ok(Self {
            argon2id: Arc::new(Argon2id { params, random }),
            lanes: Arc::new(Lanes::new(lanes, queue)),
        })
    }

    /// What its lanes are doing.
    pub fn load(&self) -> HashLoad {
        self.lanes.load()
    }

    /// Turns a password away now that would be turned away later.
    ///
    /// # Errors
    /// [`HashError::Busy`] when as many wait as may.
    pub fn turn_away_if_full(&self) -> Result<(), HashError> {
        self.lanes.turn_away_if_full()
    }

    /// Hashes a password with a new salt.
    ///
    /// # Errors
    /// As [`HashError`] says.
    pub async fn hash(&self, password: &NewPassword) -> Result<PasswordHash, HashError> {
        let password = Zeroizing::new(password.expose().to_vec());
        self.in_lane(move |argon2id, memory| argon2id.new_hash(memory, &password)).await
    }

    /// Compares what somebody typed with a stored hash, in constant time. With none, as when there
    /// is no such user, it takes as long and is a mismatch.
    ///
    /// # Errors
    /// As [`HashError`] says.
    pub async fn verify(
        &self,
        attempt: PasswordAttempt,
        against: Option<PasswordHash>,
    ) -> Result<Verdict, HashError> {
        let stored = match &against {
            Some(hash) => Some(Stored::read(hash.expose_phc()).ok_or_else(|| {
                log::error!("a stored password hash is not one of argon2id at a cost taken here");
                HashError::Failed
            })?),
            None => None,
        };
        self.in_lane(move |argon2id, memory| match stored {
            Some(stored) => argon2id.compare(memory, attempt.expose(), &stored),
            None => argon2id.compare_with_none(memory, attempt.expose()),
        })
        .await
    }

    async fn in_lane<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Argon2id, &mut Memory) -> Option<T> + Send + 'static,
    ) -> Result<T, HashError> {
        let argon2id = Arc::clone(&self.argon2id);
        let hashing = self.lanes.run(move |memory| work(&argon2id, memory));
        traces::step("password hash", [], hashing).await?.ok_or_else(|| {
            log::error!("a password could not be hashed: no memory or no randomness");
            HashError::Failed
        })
    }
}

/// The function at its configured cost.
struct Argon2id {
    params: Params,
    random: Random,
}

impl Argon2id {
    fn new_hash(&self, memory: &mut Memory, password: &[u8]) -> Option<PasswordHash> {
        let salt: [u8; SALT_BYTES] = self.random.bytes().ok()?;
        let hash = self.run(memory, self.params.clone(), password, &salt)?;
        let (m, t, p) = (self.params.m_cost(), self.params.t_cost(), self.params.p_cost());
        let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(&*hash));
        Some(PasswordHash::from_phc(format!("$argon2id$v=19$m={m},t={t},p={p}${salt}${hash}")))
    }

    fn compare(&self, memory: &mut Memory, password: &[u8], stored: &Stored) -> Option<Verdict> {
        let computed = self.run(memory, stored.params.clone(), password, &stored.salt)?;
        if !bool::from(computed.ct_eq(&stored.hash)) {
            return Some(Verdict::Mismatch);
        }
        let current = stored.params == self.params && stored.salt.len() >= SALT_BYTES;
        // Without a new hash the old one will do.
        let upgraded = if current { None } else { self.new_hash(memory, password) };
        Some(Verdict::Match { upgraded })
    }

    fn compare_with_none(&self, memory: &mut Memory, password: &[u8]) -> Option<Verdict> {
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
        self.make_room(memory, params.block_count())?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let done = argon2.hash_password_into_with_memory(password, salt, &mut hash, memory.as_mut_slice());
        // A larger one was for an old hash of a higher cost, and is not kept.
        if memory.len() > self.params.block_count() {
            *memory = Memory::new();
        }
        done.ok().map(|()| hash)
    }

    /// Keeps what there is: an allocator would keep more.
    fn make_room(&self, memory: &mut Memory, blocks: usize) -> Option<()> {
        if memory.len() < blocks {
            let blocks = blocks.max(self.params.block_count());
            *memory = Memory::new();
            memory.try_reserve_exact(blocks).ok()?;
            memory.resize(blocks, Block::new());
        }
        Some(())
    }
}
