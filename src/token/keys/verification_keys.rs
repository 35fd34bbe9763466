//! Verification keys of one issuer, looked up by the header of a token.

use std::sync::Arc;

use jsonwebtoken::Algorithm;

use crate::token::{InvalidToken, VerificationKey};

/// Verification keys, looked up by the header of a token.
pub(in crate::token) struct VerificationKeys(Vec<Arc<VerificationKey>>);

impl VerificationKeys {
    /// Collects keys. Keys that share a `kid` are left out, as a token could not say which one it means.
    pub(in crate::token) fn of(keys: Vec<Arc<VerificationKey>>) -> Self {
        let shares =
            |kid: &Option<String>| kid.is_some() && keys.iter().filter(|other| other.kid == *kid).count() > 1;
        Self(keys.iter().filter(|key| !shares(&key.kid)).cloned().collect())
    }

    /// Returns the key with this `kid`, or without a `kid` the only key for `algorithm`. Whether the key
    /// is for `algorithm` is checked with the signature.
    pub(in crate::token) fn find(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<&Arc<VerificationKey>, InvalidToken> {
        if let Some(kid) = kid {
            let named = |key: &&Arc<VerificationKey>| key.kid.as_deref() == Some(kid);
            return self.0.iter().find(named).ok_or(InvalidToken::UnknownKey);
        }
        let mut fitting = self.0.iter().filter(|key| key.algorithm == algorithm);
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(key),
            _ => Err(InvalidToken::AmbiguousKey),
        }
    }
}
