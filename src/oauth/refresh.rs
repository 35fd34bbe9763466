//! Refresh token grant (RFC 6749 §6) with refresh-token rotation: each token can be used once.

use std::sync::Arc;

use super::client_authentication::AuthenticatedClient;
use super::scope::{granted_scopes, registered_scopes};
use super::token_response::TokenResponse;
use super::{OAuthContext, OAuthError};
use crate::authz::ScopeSet;
use crate::domain::{ClientId, GrantType, Random, RefreshToken};
use crate::store::{RefreshRefused, RefreshRequest, StoreError, TokenSession};
use crate::token::{IssueError, Issuer, TokenSeal};

/// Context under which the response is sealed.
const SEAL_CONTEXT: &str = "refresh answer";

/// Parameters of a request that exchanges a refresh token.
#[derive(Default)]
pub struct Refresh {
    /// Requested scopes.
    pub scope: Option<ScopeSet>,
    /// Resource (RFC 8707 §2.2); may be left out, as the session has it already.
    pub resource: Option<String>,
}

/// Exchanges a refresh token. Client, user and scope are evaluated again. Reuse of the token ends its session
/// even when `parameters` is the fault of the request.
///
/// A client that repeats the latest exchange within a few seconds gets the same response. The response
/// is stored, sealed with a key that is derived from the refresh token. The token is not stored.
///
/// # Errors
/// [`OAuthError::InvalidGrant`], [`OAuthError::InvalidScope`], [`OAuthError::InvalidTarget`],
/// [`OAuthError::UnauthorizedClient`], the fault of the request, or a failure of the store.
pub async fn exchange(
    context: &OAuthContext<'_>,
    client: &AuthenticatedClient,
    token: &RefreshToken,
    parameters: Result<Refresh, OAuthError>,
) -> Result<TokenResponse, OAuthError> {
    client.check_grant(GrantType::RefreshToken)?;
    let AuthenticatedClient { stored, origin, .. } = client;
    let (Refresh { scope: requested, resource }, fault) = match parameters {
        Ok(parameters) => (parameters, None),
        Err(fault) => (Refresh::default(), Some(fault)),
    };
    let by = RefreshRequest {
        client: stored.client.id.clone(),
        client_epoch: (stored.client.id != ClientId::first_party()).then_some(stored.epoch),
        registered: registered_scopes(stored, context.vocabulary),
        dpop_jkt: client.proved_key(),
        one_time: client.one_time(),
        is_public: stored.client.is_public(),
        resource,
        has_fault: fault.is_some(),
        origin: origin.clone(),
    };
    let seal = TokenSeal::of(token.expose());
    let successor = RefreshToken::generate(context.random)?;
    let hash = successor.hash();
    let narrow = move |grantable: &ScopeSet| granted_scopes(requested.as_ref(), grantable).ok();
    let maker = ResponseMaker {
        issuer: context.issuer.clone(),
        random: context.random.clone(),
        seal: seal.clone(),
        successor,
    };
    let issue = move |token_session: &TokenSession| {
        maker.sealed_response(token_session).map_err(|why| {
            StoreError::Internal(format!("the response to a refresh could not be made: {why}"))
        })
    };
    let sealed = context.store.refresh(token.hash(), hash, by, narrow, issue).await?;
    let sealed = sealed.map_err(|refused| match refused {
        RefreshRefused::Fault => fault.unwrap_or(OAuthError::InvalidGrant),
        RefreshRefused::Scope => OAuthError::InvalidScope,
        RefreshRefused::Target => OAuthError::InvalidTarget,
        RefreshRefused::Unknown | RefreshRefused::Reused | RefreshRefused::Key => OAuthError::InvalidGrant,
    })?;
    let response = seal.open(&sealed, SEAL_CONTEXT).map_err(|_| OAuthError::InvalidGrant)?;
    serde_json::from_slice(&response).map_err(|_| OAuthError::InvalidGrant)
}

/// Makes the sealed response, inside the transaction that marks the token as used.
struct ResponseMaker {
    issuer: Arc<Issuer>,
    random: Random,
    seal: TokenSeal,
    successor: RefreshToken,
}

impl ResponseMaker {
    fn sealed_response(&self, token_session: &TokenSession) -> Result<Vec<u8>, IssueError> {
        let response =
            TokenResponse::in_session(&self.issuer, token_session, None)?.with_refresh_token(&self.successor);
        let response = serde_json::to_vec(&response).map_err(|_| IssueError::NotSigned)?;
        self.seal.seal(&self.random, &response, SEAL_CONTEXT).map_err(|_| IssueError::NotSigned)
    }
}
