//! Result of parsing a hash.

use super::super::UnusableHash;

/// Hash by a function of this type.
pub(in crate::hashing) struct Parsed<F> {
    /// The function with its cost.
    pub(in crate::hashing) function: F,
    pub(in crate::hashing) salt: Vec<u8>,
    pub(in crate::hashing) digest: Vec<u8>,
}

/// Result for a text: the hash, or the fault in it. `None` is a hash by another function.
pub(super) type Recognized<F> = Option<Result<Parsed<F>, UnusableHash>>;

impl<F> Parsed<F> {
    /// Returns the same hash with its function as one of several.
    pub(super) fn map<G>(self, wrap: impl FnOnce(F) -> G) -> Parsed<G> {
        Parsed { function: wrap(self.function), salt: self.salt, digest: self.digest }
    }
}
