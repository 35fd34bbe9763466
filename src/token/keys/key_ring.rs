//! The server's keys at one moment.

use std::sync::Arc;

use serde_json::Value;

use super::signer::SigningKey;
use super::verification_keys::VerificationKeys;
use crate::token::IssueError;

/// The server's keys in force at one moment.
pub struct KeyRing {
    pub(in crate::token) signing: Option<Arc<SigningKey>>,
    pub(in crate::token) verification: VerificationKeys,
    /// Keys that verify an `id_token_hint`: those in force, and those that were rotated away and are not deleted
    /// yet. No access token is accepted by the latter, and they are not published.
    pub(in crate::token) hints: VerificationKeys,
    pub(in crate::token) jwks: Value,
}

impl KeyRing {
    /// Returns the public keys as a JWK Set (RFC 7517 §5). It never has a symmetric key.
    pub fn jwks(&self) -> &Value {
        &self.jwks
    }

    /// Returns the signing key.
    pub(in crate::token) fn signing_key(&self) -> Result<&SigningKey, IssueError> {
        self.signing.as_deref().ok_or(IssueError::NotSigned)
    }

    /// True when there is a signing key.
    pub fn signs(&self) -> bool {
        self.signing.is_some()
    }
}
