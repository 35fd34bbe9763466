//! A signing key at rest.

use std::fmt;

use chrono::{DateTime, Utc};

/// A signing key as the database keeps it: the private half is sealed with the master key.
#[derive(Clone)]
pub struct StoredKey {
    /// The key's id, the RFC 7638 thumbprint of its public half.
    pub kid: String,
    /// The one algorithm it is used with (RFC 7518 §3.1).
    pub algorithm: String,
    /// The private half, sealed.
    pub sealed: Vec<u8>,
    /// The public half as a JWK (RFC 7517), in JSON.
    pub public_jwk: String,
    /// When it was made; the newest signs.
    pub created_at: DateTime<Utc>,
}

impl fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredKey")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}
