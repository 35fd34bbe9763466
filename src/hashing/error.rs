//! Errors of password hashing.

/// Error of password hashing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// The queue is full; the client can try again later (503 with `Retry-After`).
    #[error("too many passwords are being hashed")]
    Busy,
    /// There is no randomness, no memory or no thread, or the stored hash is not valid.
    #[error("the password could not be hashed")]
    Failed,
}
