//! Token revocation (RFC 7009): a client takes back what it got.

use super::client_authentication::AuthenticatedClient;
use super::{Means, OAuthError};
use crate::authz::Actor;
use crate::domain::RefreshToken;

/// Ends a token of this client: a refresh token with all of its session, an access token alone. One
/// that is another client's, or none at all, is nothing to complain about (RFC 7009 §2.2).
///
/// # Errors
/// When the store fails; then the token is as good as before.
pub async fn revoke(with: &Means<'_>, client: &AuthenticatedClient, token: &str) -> Result<(), OAuthError> {
    let id = &client.stored.client.id;
    let Some(known) = with.verifier.describe(token, with.issuer_url) else {
        with.store
            .revoke_refresh_token(RefreshToken::presented(token).hash(), id.clone(), client.origin.clone())
            .await?;
        return Ok(());
    };
    let is_theirs = known.client_id() == Some(id.as_str());
    if let (true, Some(jti)) = (is_theirs, known.jti()) {
        let by = Actor::Anonymous(client.origin.clone(), Some(id.clone()));
        with.store.revoke_token(jti.to_owned(), known.user_id(), by).await?;
    }
    Ok(())
}
