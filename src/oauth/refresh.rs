//! Refresh token grant (RFC 6749 §6) with refresh-token rotation: each token can be used once.

use serde::{Deserialize, Serialize};

use super::client_authentication::AuthenticatedClient;
use super::scope::{granted_scopes, registered_scopes};
use super::token_response::TokenResponse;
use super::{OAuthContext, OAuthError};
use crate::authz::ScopeSet;
use crate::domain::{ClientId, GrantType, RefreshToken};
use crate::store::{NewRefreshToken, RefreshRefused, RefreshRequest, StoreError};
use crate::token::{SealError, TokenSeal};

/// Context under which the successor of a token is sealed.
const SEAL_CONTEXT: &str = "refresh answer";

/// Parameters of a request that exchanges a refresh token.
#[derive(Default)]
pub struct Refresh {
    /// Requested scopes.
    pub scope: Option<ScopeSet>,
    /// Resource (RFC 8707 §2.2); may be left out, as the session has it already.
    pub resource: Option<String>,
}

/// The successor of an exchanged token, as it is sealed.
#[derive(Serialize, Deserialize)]
struct Successor {
    refresh_token: String,
}

/// Exchanges a refresh token. Client, user and scope are evaluated again. Reuse of the token ends its session
/// even when `parameters` is the fault of the request.
///
/// A client that lost the response repeats the exchange. Until the successor was used, it gets the same successor
/// with a new access token. The successor is stored, sealed with a key that is derived from the exchanged token.
/// Neither token is stored.
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
    let sealed = Successor { refresh_token: successor.expose().to_owned() };
    let sealed = serde_json::to_vec(&sealed).map_err(|_| SealError);
    let sealed = sealed.and_then(|plain| seal.seal(context.random, &plain, SEAL_CONTEXT));
    let new = NewRefreshToken {
        hash: successor.hash(),
        sealed: sealed.map_err(|why| StoreError::Internal(format!("a refresh token {why}")))?,
    };
    let narrow = move |grantable: &ScopeSet| granted_scopes(requested.as_ref(), grantable).ok();
    let exchanged = context.store.refresh(token.hash(), new, by, narrow).await?;
    let exchanged = exchanged.granted().map_err(|refused| match refused {
        RefreshRefused::Fault => fault.unwrap_or(OAuthError::InvalidGrant),
        RefreshRefused::Scope => OAuthError::InvalidScope,
        RefreshRefused::Target => OAuthError::InvalidTarget,
        RefreshRefused::Unknown | RefreshRefused::Reused | RefreshRefused::Key => OAuthError::InvalidGrant,
    })?;
    let opened = seal.open(&exchanged.successor, SEAL_CONTEXT).map_err(|_| OAuthError::InvalidGrant)?;
    let opened: Successor = serde_json::from_slice(&opened).map_err(|_| OAuthError::InvalidGrant)?;
    let with_userinfo = stored.client.userinfo_in_id_token;
    let response = TokenResponse::in_session(context, with_userinfo, &exchanged.token_session, None).await?;
    Ok(response.with_refresh_token(&RefreshToken::presented(&opened.refresh_token)))
}
