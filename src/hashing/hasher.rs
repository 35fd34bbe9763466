//! Password hasher: hashes and compares on the thread pool.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use zeroize::Zeroizing;

use super::argon2id::Argon2id;
use super::cost::HASH_BYTES;
use super::pace::Pace;
use super::pool::{HashPool, Memory};
use super::stored_hash::StoredHash;
use super::unsalted::UnsaltedDigest;
use super::{Argon2Cost, HashError, HashLoad, InvalidCost, OpenSealed, UnusableHash, Verdict};
use crate::domain::{
    ChosenPassword, Invalid, JudgedPassword, Network, NewPassword, PasswordAttempt, PasswordHash, Random,
};
use crate::telemetry::traces;

/// Password hasher. Cheap to clone; all clones share the thread pool.
#[derive(Clone)]
pub struct Hasher {
    argon2id: Arc<Argon2id>,
    pub(super) pool: Arc<HashPool>,
    /// Network of the client. Networks take turns in the queue.
    network: Option<Network>,
    /// Opens the keys that some hashes of other systems have in them.
    open: Option<Arc<OpenSealed>>,
}

/// Hash from another system.
pub(crate) enum ImportedHash {
    /// Hash that is stored as it is.
    Salted(PasswordHash),
    /// Digest that is stored inside an argon2id hash.
    Unsalted(UnsaltedDigest),
}

impl Hasher {
    /// Returns a hasher with this `cost`, with `threads` worker threads (at least one) and a queue of
    /// at most `queue` passwords.
    ///
    /// # Errors
    /// When the cost is out of range.
    pub fn new(cost: Argon2Cost, threads: usize, queue: usize, random: Random) -> Result<Self, InvalidCost> {
        let params = cost.params(HASH_BYTES).ok_or(InvalidCost)?;
        Ok(Self {
            argon2id: Arc::new(Argon2id { cost, params, random, pace: Pace::default() }),
            pool: Arc::new(HashPool::new(threads, queue)),
            network: None,
            open: None,
        })
    }

    /// Returns the hasher of a server with this master key.
    #[must_use]
    pub(crate) fn opening_by(self, open: Arc<OpenSealed>) -> Self {
        Self { open: Some(open), ..self }
    }

    /// Returns the hasher for a client at this address. Its passwords wait in the line of its network.
    #[must_use]
    pub fn for_client_at(&self, address: Option<IpAddr>) -> Self {
        Self { network: address.map(Network::of), ..self.clone() }
    }

    /// Reads a hash from outside, with which passwords can be compared. Nothing is computed.
    ///
    /// # Errors
    /// The reason for which they cannot.
    pub(crate) fn import(&self, text: String) -> Result<ImportedHash, UnusableHash> {
        if let Some(unsalted) = UnsaltedDigest::parse(&text) {
            return Ok(ImportedHash::Unsalted(unsalted));
        }
        let hash = PasswordHash::from_phc(text);
        self.parse(&hash).map(|_| ImportedHash::Salted(hash))
    }

    /// Returns the hash that is stored for one from outside.
    ///
    /// # Errors
    /// See [`HashError`].
    pub(crate) async fn stored(&self, imported: ImportedHash) -> Result<PasswordHash, HashError> {
        match imported {
            ImportedHash::Salted(hash) => Ok(hash),
            ImportedHash::Unsalted(digest) => {
                self.run(move |argon2id, memory| argon2id.wrap(memory, &digest)).await
            }
        }
    }

    fn parse(&self, hash: &PasswordHash) -> Result<StoredHash, UnusableHash> {
        StoredHash::parse(hash.expose_phc(), self.argon2id.cost)?.open(self.open.as_deref())
    }

    /// Returns the load of the thread pool.
    pub fn load(&self) -> HashLoad {
        self.pool.load()
    }

    /// Rejects a request early, before the work that precedes hashing.
    ///
    /// # Errors
    /// [`HashError::Busy`] when the queue is full.
    pub fn reject_if_full(&self) -> Result<(), HashError> {
        self.pool.reject_if_full(self.network)
    }

    /// Checks on the thread pool that a chosen password is not a common one. `context` holds text that an
    /// attacker would try first for this user, such as the e-mail address. A password that is not valid for
    /// another reason costs nothing.
    ///
    /// # Errors
    /// See [`HashError`].
    pub async fn judge(
        &self,
        chosen: Result<ChosenPassword, Invalid>,
        context: Option<String>,
    ) -> Result<JudgedPassword, HashError> {
        match chosen {
            Ok(chosen) => self.run(move |_, _| Some(chosen.judge(context.as_deref().as_slice()))).await,
            Err(invalid) => Ok(Err(invalid)),
        }
    }

    /// Hashes a password with a new salt.
    ///
    /// # Errors
    /// See [`HashError`].
    pub async fn hash(&self, password: &NewPassword) -> Result<PasswordHash, HashError> {
        let password = Zeroizing::new(password.expose().to_vec());
        self.run(move |argon2id, memory| argon2id.new_hash(memory, &password)).await
    }

    /// Compares a password with a stored hash in constant time. Without a hash, for example without
    /// such a user, it takes as long and returns a mismatch. A hash that costs too much is not computed. A mismatch is
    /// held back until the slowest one with a hash of another system has taken as long.
    ///
    /// # Errors
    /// See [`HashError`].
    pub async fn verify(
        &self,
        attempt: PasswordAttempt,
        against: Option<PasswordHash>,
    ) -> Result<Verdict, HashError> {
        let stored = against.map(|hash| self.parse(&hash));
        let forms = attempt.expose_forms().count();
        let compare = move |argon2id: &Argon2id, memory: &mut Memory| match stored {
            Some(Ok(stored)) => argon2id.compare(memory, &attempt, &stored),
            Some(Err(why)) => argon2id.compare_without_hash(memory, &attempt).map(|_| Verdict::Unusable(why)),
            None => argon2id.compare_without_hash(memory, &attempt),
        };
        let timed = |argon2id: &Argon2id, memory: &mut Memory| {
            let begun = Instant::now();
            Some((compare(argon2id, memory)?, begun.elapsed()))
        };
        let (verdict, elapsed) = self.run(timed).await?;
        if !matches!(verdict, Verdict::Match { .. }) {
            // Waits outside the pool, where it keeps no other password waiting.
            tokio::time::sleep(self.argon2id.pace.missing_time(elapsed, forms)).await;
        }
        Ok(verdict)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Argon2id, &mut Memory) -> Option<T> + Send + 'static,
    ) -> Result<T, HashError> {
        let argon2id = Arc::clone(&self.argon2id);
        let hashing = self.pool.run(self.network, move |memory| work(&argon2id, memory));
        traces::step("password hash", [], hashing).await?.ok_or_else(|| {
            log::error!("a password could not be hashed: no memory or no randomness");
            HashError::Failed
        })
    }
}
