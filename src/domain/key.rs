//! Signing key: its public description, and its stored form.

use std::fmt;

use chrono::{DateTime, Utc};

/// Signing key without its key material.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKey {
    /// Key id: the RFC 7638 thumbprint of the public key.
    pub kid: String,
    /// Algorithm of the key (RFC 7518 §3.1).
    pub algorithm: String,
    /// Time of creation. From then on the key is published and verifies.
    pub created_at: DateTime<Utc>,
    /// Time from which the key signs.
    pub signs_from: DateTime<Utc>,
    /// Time of retirement. From then on no token of the key is accepted.
    pub retired_at: Option<DateTime<Utc>>,
}

/// Signing key in the database. The private key is encrypted with the master key.
#[derive(Clone)]
pub struct StoredKey {
    /// Description of the key.
    pub key: SigningKey,
    /// Encrypted private key. A retired key has none.
    pub sealed: Vec<u8>,
    /// Public key as a JWK (RFC 7517), in JSON.
    pub public_jwk: String,
}

impl StoredKey {
    /// Returns the context in which the master key seals the private key.
    pub(crate) fn sealing_context(kid: &str, algorithm: &str) -> String {
        format!("signing key {kid} {algorithm}")
    }
}

impl fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SigningKey { kid, algorithm, .. } = &self.key;
        f.debug_struct("StoredKey").field("kid", kid).field("algorithm", algorithm).finish_non_exhaustive()
    }
}
