//! Errors of token issuing.

use crate::domain::NoRandomness;

/// Why a token could not be issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The operating system gave no randomness for `jti`.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// `exp` is out of range, or there is no key that signs.
    #[error("the token could not be signed")]
    NotSigned,
    /// The server issues no tokens: it has no keys of its own.
    #[error("this server issues no tokens")]
    SwitchedOff,
}
