//! A signing key, as everybody may know it and as it rests.

use std::fmt;

use chrono::{DateTime, Utc};

/// A signing key without its secret: what it is called and when it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKey {
    /// The key's id, the RFC 7638 thumbprint of its public half.
    pub kid: String,
    /// The one algorithm it is used with (RFC 7518 §3.1).
    pub algorithm: String,
    /// When it was made; from then on it is published and verifies.
    pub created_at: DateTime<Utc>,
    /// When it begins to sign.
    pub signs_from: DateTime<Utc>,
    /// When it was taken out of service; nothing that it signed is accepted since.
    pub retired_at: Option<DateTime<Utc>>,
}

/// A signing key as the database keeps it: the private half is sealed with the master key.
#[derive(Clone)]
pub struct StoredKey {
    /// The key.
    pub key: SigningKey,
    /// The private half, sealed; of a retired key nothing is left of it.
    pub sealed: Vec<u8>,
    /// The public half as a JWK (RFC 7517), in JSON.
    pub public_jwk: String,
}

impl fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SigningKey { kid, algorithm, .. } = &self.key;
        f.debug_struct("StoredKey").field("kid", kid).field("algorithm", algorithm).finish_non_exhaustive()
    }
}
