//! Token introspection (RFC 7662): what a token says, for the client that it was issued to.

use serde_json::{Map, Value, json};

use super::client_authentication::AuthenticatedClient;
use super::{Means, OAuthError};
use crate::domain::RefreshToken;

/// The claims that are told (RFC 7662 §2.2, RFC 9449 §6.2).
const TOLD: [&str; 10] = ["scope", "client_id", "exp", "iat", "sub", "aud", "iss", "jti", "sid", "cnf"];

/// What the token says; nothing of one that is not good, or not this client's.
///
/// # Errors
/// When the store fails.
pub async fn introspect(
    with: &Means<'_>,
    client: &AuthenticatedClient,
    token: &str,
) -> Result<Option<Map<String, Value>>, OAuthError> {
    let id = client.stored.client.id.as_str();
    Ok(match with.verifier.describe(token, with.issuer_url) {
        Some(known) if known.client_id() == Some(id) => Some(access_token(known.claims())),
        Some(_) => None,
        None => refresh_token(with, client, token).await?,
    })
}

fn access_token(claims: &Map<String, Value>) -> Map<String, Value> {
    let mut told = Map::new();
    let kind = if claims.contains_key("cnf") { "DPoP" } else { "Bearer" };
    told.insert("token_type".to_owned(), kind.into());
    told.extend(TOLD.iter().filter_map(|name| Some(((*name).to_owned(), claims.get(*name)?.clone()))));
    told
}

async fn refresh_token(
    with: &Means<'_>,
    client: &AuthenticatedClient,
    token: &str,
) -> Result<Option<Map<String, Value>>, OAuthError> {
    let known = with.store.refresh_token(RefreshToken::presented(token).hash()).await?;
    let id = &client.stored.client.id;
    let known = known.filter(|known| known.is_fresh() && known.session.client_id.as_ref() == Some(id));
    Ok(known.map(|known| {
        let told = json!({
            "scope": known.scope(),
            "client_id": id,
            "exp": known.expires_at.timestamp(),
            "sub": known.session.user_id,
            "iss": with.issuer_url,
            "sid": known.session.id,
        });
        told.as_object().cloned().unwrap_or_default()
    }))
}
