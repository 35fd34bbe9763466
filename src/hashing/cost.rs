//! Cost parameters of argon2id.

use argon2::Params;

/// Length of a new hash, in bytes.
pub(super) const HASH_BYTES: usize = 32;

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

impl Argon2Cost {
    /// Returns the parameters. Checks the bounds, because a cost is also read from the database.
    pub(super) fn params(self, hash_bytes: usize) -> Option<Params> {
        let Self { memory_kib, passes, lanes } = self;
        if memory_kib > 4 << 20 || passes > 1024 || lanes > 16 {
            return None;
        }
        Params::new(memory_kib, passes, lanes, Some(hash_bytes)).ok()
    }
}
