//! Context of the authorization server.

use std::sync::Arc;

use chrono::TimeDelta;

use super::OAuthError;
use crate::authz::Vocabulary;
use crate::domain::{Allowance, ClientId, Clock, Random, find_resource};
use crate::hashing::Hasher;
use crate::store::{Recorder, StoredClient, TrustedStore};
use crate::token::{Issuer, Verifier};

/// The parts of the server that the grants and endpoints of the authorization server use. An application can
/// neither construct nor reach it.
pub struct OAuthContext<'a> {
    /// Accounts, clients and sessions.
    pub(crate) store: &'a TrustedStore,
    /// Thread pool that hashes and verifies passwords.
    pub(crate) hasher: &'a Hasher,
    /// Set when password attempts are rate-limited.
    pub(crate) limits: bool,
    /// Receives the number of password attempts that remain.
    pub(crate) allowance: Allowance,
    /// Issues access tokens and ID tokens.
    pub(crate) issuer: &'a Arc<Issuer>,
    /// Verifies access tokens.
    pub(crate) verifier: &'a Verifier,
    /// Writes failed logins to the audit trail.
    pub(crate) recorder: &'a Recorder,
    /// Scopes and roles of the application.
    pub(crate) vocabulary: &'a Vocabulary,
    /// Source of codes and refresh tokens.
    pub(crate) random: &'a Random,
    /// Current time.
    pub(crate) clock: &'a Clock,
    /// Permitted difference between clocks.
    pub(crate) leeway: TimeDelta,
    /// Set while users can create accounts.
    pub(crate) registration_open: bool,
    /// Issuer identifier (`iss`), and the start of every link.
    pub(crate) issuer_url: &'a str,
    /// Resources that a token can be issued for (RFC 8707 §2); this server is the first.
    pub(crate) resources: &'a [String],
}

impl OAuthContext<'_> {
    /// Returns the same context, which reports the remaining password attempts to `allowance`.
    pub fn with_allowance(mut self, allowance: &Allowance) -> Self {
        self.allowance = allowance.clone();
        self
    }

    /// Returns the client with this id. None when there is none, or when `id` is not a valid client id.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) async fn find_client(&self, id: &str) -> Result<Option<StoredClient>, OAuthError> {
        match id.parse::<ClientId>() {
            Ok(id) => Ok(self.store.client_by_id(id).await?),
            Err(_) => Ok(None),
        }
    }

    /// Reads a `resource` parameter (RFC 8707 §2). Returns the spelling of the settings, which becomes the audience.
    ///
    /// # Errors
    /// [`OAuthError::InvalidTarget`] when this server issues no tokens for the resource.
    pub fn resource_parameter(&self, requested: Option<&str>) -> Result<Option<String>, OAuthError> {
        let Some(requested) = requested else { return Ok(None) };
        find_resource(self.resources, requested).cloned().map(Some).ok_or(OAuthError::InvalidTarget)
    }
}
