//! Client credentials grant (RFC 6749 §4.4): the client acts for itself.

use super::client_authentication::AuthenticatedClient;
use super::scope::{granted_scopes, registered_scopes};
use super::token_response::TokenResponse;
use super::{OAuthContext, OAuthError};
use crate::authz::{Scope, ScopeSet};
use crate::domain::GrantType;
use crate::token::{IssueRequest, IssueTo};

/// Issues an access token for the client itself. It has no scopes of OpenID Connect, as there is no user.
///
/// # Errors
/// [`OAuthError::UnauthorizedClient`], [`OAuthError::InvalidScope`], [`OAuthError::InvalidProof`],
/// [`OAuthError::InvalidClient`] if the client's assertion was used meanwhile, or a failure to sign.
pub async fn issue(
    context: &OAuthContext<'_>,
    client: &AuthenticatedClient,
    requested: Option<&ScopeSet>,
    resource: Option<&str>,
) -> Result<TokenResponse, OAuthError> {
    client.check_grant(GrantType::ClientCredentials)?;
    let AuthenticatedClient { stored, .. } = client;
    let grantable: ScopeSet = registered_scopes(stored, context.vocabulary)
        .iter()
        .filter(|scope| !Scope::is_identity(*scope))
        .collect();
    let scope = granted_scopes(requested, &grantable)?;
    context.store.use_up(client.one_time()).await?;
    let id = stored.client.id.to_string();
    let issued = context.issuer.issue(IssueRequest {
        subject: IssueTo::Client { id: id.clone(), epoch: stored.epoch },
        client_id: id,
        scope: &scope,
        session: None,
        audience: resource,
        bound_to: client.proved_key().as_ref(),
    })?;
    Ok(TokenResponse::of(issued))
}
