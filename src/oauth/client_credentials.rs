//! The client credentials grant (RFC 6749 §4.4): a client acts for itself.

use super::client_authentication::AuthenticatedClient;
use super::token_answer::TokenAnswer;
use super::{Means, OAuthError, granted, registered};
use crate::authz::{Scope, ScopeSet};
use crate::domain::GrantType;
use crate::token::{IssueRequest, IssueTo};

/// Issues a token for the client itself. What OpenID Connect tells of a user has no place in it.
///
/// # Errors
/// [`OAuthError::UnauthorizedClient`], [`OAuthError::InvalidScope`], or a failure.
pub fn issue(
    with: &Means<'_>,
    client: &AuthenticatedClient,
    asked: Option<&ScopeSet>,
    resource: Option<&str>,
) -> Result<TokenAnswer, OAuthError> {
    let AuthenticatedClient { stored, dpop_jkt, .. } = client;
    if !stored.client.grants.contains(&GrantType::ClientCredentials) {
        return Err(OAuthError::UnauthorizedClient);
    }
    let grantable: ScopeSet =
        registered(stored, with.vocabulary).iter().filter(|scope| !Scope::is_identity(*scope)).collect();
    let scope = granted(asked, &grantable)?;
    let id = stored.client.id.to_string();
    let issued = with.issuer.issue(IssueRequest {
        subject: IssueTo::Client { id: id.clone(), epoch: stored.epoch },
        client_id: id,
        scope: &scope,
        session: None,
        audience: resource,
        bound_to: dpop_jkt.as_ref(),
    })?;
    Ok(TokenAnswer::of(issued))
}
