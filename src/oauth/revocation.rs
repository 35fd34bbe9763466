//! Token revocation (RFC 7009): a client revokes a token that was issued to it.

use super::client_authentication::AuthenticatedClient;
use super::{OAuthContext, OAuthError};
use crate::authz::Actor;
use crate::domain::RefreshToken;
use crate::store::TokenOwner;

/// Revokes a token of this client. A refresh token ends its whole session, an access token itself alone.
/// A token of another client, or an invalid one, is not an error (RFC 7009 §2.2).
///
/// # Errors
/// [`OAuthError::InvalidClient`] if the client's assertion was used meanwhile, or when the store fails. The token
/// then stays valid.
pub async fn revoke(
    context: &OAuthContext<'_>,
    client: &AuthenticatedClient,
    token: &str,
) -> Result<(), OAuthError> {
    let id = &client.stored.client.id;
    let Some(known) = context.verifier.introspect(token, context.issuer_url) else {
        context
            .store
            .revoke_refresh_token(
                RefreshToken::presented(token).hash(),
                id.clone(),
                client.origin.clone(),
                client.one_time(),
            )
            .await?;
        return Ok(());
    };
    let is_theirs = known.client_id() == Some(id.as_str()) || fault!(revocation_by_any_client);
    if let (true, Some(jti)) = (is_theirs, known.jti()) {
        let by = Actor::Anonymous(client.origin.clone(), Some(id.clone()));
        let owner = known.user_id().map_or_else(|| TokenOwner::Client(id.to_string()), TokenOwner::User);
        context.store.revoke_token(jti.to_owned(), owner, known.expires_at(), by, client.one_time()).await?;
    } else {
        context.store.use_up(client.one_time()).await?;
    }
    Ok(())
}
