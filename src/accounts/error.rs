//! Errors of the life of an account.

use crate::domain::{Invalid, NoRandomness};
use crate::hashing::HashError;
use crate::store::StoreError;
use crate::token::SealError;

/// Error of the life of an account.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountError {
    /// The token of a link is wrong, used, expired, truncated, or of another account or purpose: one answer for all.
    #[error("the link is not valid")]
    InvalidLink,
    /// The new password breaks a rule. The token stays valid.
    #[error("the new password {}", .0.detail)]
    Password(Invalid),
    /// The state of the account does not permit it.
    #[error("{0}")]
    Conflict(&'static str),
    /// The store failed.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The password was not hashed.
    #[error("{0}")]
    Hash(#[from] HashError),
    /// The operating system gives no randomness.
    #[error("{0}")]
    Randomness(#[from] NoRandomness),
    /// The mail was not sealed.
    #[error("{0}")]
    Seal(#[from] SealError),
}
