//! Errors of key generation and key loading.

use crate::token::{SigningAlgorithm, UnfitKey};

/// Why keys cannot be generated or used. The error contains no key material.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The operator sets the HS256 secret.
    #[error("a key for HS256 is not generated: the operator sets the secret")]
    Symmetric,
    /// The secret has fewer than 32 bytes.
    #[error("the HS256 secret must have at least 32 bytes")]
    ShortSecret,
    /// The operating system gave no randomness, or generation failed.
    #[error("a key could not be generated")]
    NotGenerated,
    /// The master key is not the one that sealed the key, or the stored key was tampered with.
    #[error("the signing key {0} cannot be opened: is the master key the one that sealed it?")]
    Sealed(String),
    /// The sealed data is not a key of its algorithm.
    #[error("a stored key is malformed")]
    Malformed,
    /// A stored key cannot be used with its algorithm.
    #[error("the signing key {0} {1}")]
    Unfit(String, UnfitKey),
    /// There is no key to sign with.
    #[error("there is no signing key for {0}")]
    NoSigningKey(SigningAlgorithm),
}
