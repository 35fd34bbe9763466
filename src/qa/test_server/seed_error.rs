//! Errors of test accounts.

use crate::store::StoreError;

/// Why the test accounts cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The seed file breaks these rules.
    #[error("{}", .0.join("\n"))]
    File(Vec<String>),
    /// The accounts cannot be stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Returns the error of a test account of this program.
pub(super) fn wrong(why: &dyn std::fmt::Display) -> SeedError {
    SeedError::Store(StoreError::Internal(format!("a seed: {why}")))
}
