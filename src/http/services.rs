//! What handlers work with.

use crate::domain::{Clock, Random};
use crate::hashing::Hasher;
use crate::store::Store;
use crate::token::{Issuer, Verifier};

use super::cursor::CursorKey;

/// Everything a handler may need; made once, when the server starts.
pub struct Services {
    /// Where records are kept.
    pub store: Store,
    /// What decides whether a token is acceptable.
    pub verifier: Verifier,
    /// What issues tokens.
    pub issuer: Issuer,
    /// The lane in which passwords are hashed.
    pub hasher: Hasher,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// What `aud` must contain.
    pub audience: String,
    /// The server's public URL: `iss`, and the beginning of every link.
    pub issuer_url: String,
    /// Whether anybody may register.
    pub registration_open: bool,
    /// What makes cursors unforgeable.
    pub cursors: CursorKey,
}
