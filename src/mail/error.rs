//! Errors of sending a mail.

use crate::store::StoreError;
use crate::token::SealError;

/// Reason why a mail was not sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// A later attempt can succeed.
    #[error("{0}")]
    Temporary(String),
    /// A later attempt would fail as well.
    #[error("{0}")]
    Permanent(String),
}

impl From<StoreError> for SendError {
    fn from(error: StoreError) -> Self {
        Self::Temporary(error.to_string())
    }
}

impl From<SealError> for SendError {
    fn from(error: SealError) -> Self {
        Self::Permanent(error.to_string())
    }
}
