//! Cost parameters of argon2id.

use std::fmt;

use argon2::Params;

/// Length of a new hash, in bytes.
pub(super) const HASH_BYTES: usize = 32;

/// Largest memory of a stored hash, as a multiple of the configured memory. `auto` hash lanes leave room for it.
pub(crate) const MEMORY_MULTIPLE: u32 = 4;

/// Largest work of a stored hash (memory times passes), as a multiple of the configured work.
const WORK_MULTIPLE: u64 = 8;

/// Cost of a password hash (argon2id, RFC 9106 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argon2Cost {
    /// Memory `m`, in KiB: from 8 for each lane to 4 GiB.
    pub memory_kib: u32,
    /// Passes `t`: 1 to 1024.
    pub passes: u32,
    /// Lanes `p` (degree of parallelism): 1 to 16.
    pub lanes: u32,
}

/// The cost is out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("argon2id takes m of 8 KiB for each lane to 4 GiB, t from 1 to 1024, and p from 1 to 16")]
pub struct InvalidCost;

impl fmt::Display for Argon2Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m={},t={},p={}", self.memory_kib, self.passes, self.lanes)
    }
}

impl Argon2Cost {
    /// Cost when none is configured: a minimum of the OWASP Password Storage Cheat Sheet.
    pub(crate) const DEFAULT: Self = Self { memory_kib: 19_456, passes: 2, lanes: 1 };

    /// True when a server with this cost computes a stored hash of that cost. The lanes add no work: they are
    /// computed one after the other.
    pub(super) fn admits(self, stored: Self) -> bool {
        let work = |cost: Self| u64::from(cost.memory_kib) * u64::from(cost.passes);
        u64::from(stored.memory_kib) <= u64::from(self.memory_kib) * u64::from(MEMORY_MULTIPLE)
            && work(stored) <= work(self) * WORK_MULTIPLE
    }

    /// Returns the parameters. Checks the bounds, because a cost is also read from the database.
    pub(super) fn params(self, hash_bytes: usize) -> Option<Params> {
        let Self { memory_kib, passes, lanes } = self;
        if memory_kib > 4 << 20 || passes > 1024 || lanes > 16 {
            return None;
        }
        Params::new(memory_kib, passes, lanes, Some(hash_bytes)).ok()
    }
}
