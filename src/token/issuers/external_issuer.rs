//! An external issuer with its current keys.

use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, Utc};

use super::unknown_keys::{FetchRequests, Wait};
use crate::token::keys::verification_keys::VerificationKeys;
use crate::token::{TrustedIssuer, VerificationKey};

/// An external issuer with the keys that are known.
pub struct ExternalIssuer {
    pub(in crate::token) settings: TrustedIssuer,
    /// Accepted audiences.
    pub(in crate::token) audiences: Vec<String>,
    /// Audience of this server.
    pub(in crate::token) our_audience: String,
    keys: RwLock<Arc<VerificationKeys>>,
    pub(super) fetch_requests: FetchRequests,
}

impl ExternalIssuer {
    /// Creates an issuer without keys. [`refresh_keys`](super::refresh::refresh_keys) fetches them.
    pub(in crate::token) fn new(settings: TrustedIssuer, our_audience: &str) -> Self {
        Self {
            audiences: match settings.audiences.as_slice() {
                [] => vec![our_audience.to_owned()],
                named => named.to_vec(),
            },
            our_audience: our_audience.to_owned(),
            settings,
            keys: RwLock::new(Arc::new(VerificationKeys::of(Vec::new()))),
            fetch_requests: FetchRequests::new(),
        }
    }

    /// Returns the `iss` of its tokens.
    pub fn name(&self) -> &str {
        &self.settings.issuer
    }

    /// Returns the keys that verify its tokens.
    pub(in crate::token) fn keys(&self) -> Arc<VerificationKeys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the keys.
    pub(in crate::token) fn replace_keys(&self, keys: Vec<VerificationKey>) {
        let keys = Arc::new(VerificationKeys::of(keys.into_iter().map(Arc::new).collect()));
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// Requests a fetch of the keys and returns a handle to wait for it. None when no fetch is due.
    pub(in crate::token) fn wait_for_keys(&self, now: DateTime<Utc>) -> Option<Wait<'_>> {
        self.fetch_requests.wait(now)
    }
}
