//! The client credentials grant (RFC 6749 §4.4): a client acts for itself.

use super::{OAuthError, granted};
use crate::authz::{ScopeSet, Vocabulary};
use crate::domain::GrantType;
use crate::store::StoredClient;
use crate::token::{IssueRequest, IssueTo, IssuedToken, Issuer};

/// Issues a token for the client itself.
///
/// # Errors
/// [`OAuthError::UnauthorizedClient`], [`OAuthError::InvalidScope`], or a failure.
pub fn issue(
    issuer: &Issuer,
    vocabulary: &Vocabulary,
    client: &StoredClient,
    asked: Option<&ScopeSet>,
) -> Result<IssuedToken, OAuthError> {
    if !client.client.grants.contains(&GrantType::ClientCredentials) {
        return Err(OAuthError::UnauthorizedClient);
    }
    let registered = vocabulary.scopes_in(&client.client.scope.join(" "));
    let scope = granted(asked, &registered)?;
    let id = client.client.id.to_string();
    Ok(issuer.issue(IssueRequest {
        subject: IssueTo::Client { id: id.clone(), epoch: client.epoch },
        client_id: id,
        scope: &scope,
        session: None,
    })?)
}
