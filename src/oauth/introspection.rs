//! Token introspection (RFC 7662), for the client that a token was issued to, and for the resource server that it is
//! meant for.

use serde_json::{Map, Value, json};

use super::client_authentication::AuthenticatedClient;
use super::{OAuthContext, OAuthError};
use crate::domain::{Client, ClientId, RefreshToken, find_resource};

/// Claims that the response has (RFC 7662 §2.2, RFC 9449 §6.2).
const CLAIMS: [&str; 10] = ["scope", "client_id", "exp", "iat", "sub", "aud", "iss", "jti", "sid", "cnf"];

/// Returns the claims of the token. None when it is not valid, or when it is neither this client's nor meant for it.
///
/// # Errors
/// [`OAuthError::InvalidClient`] if the client's assertion was used meanwhile, or when the store fails.
pub async fn introspect(
    context: &OAuthContext<'_>,
    client: &AuthenticatedClient,
    token: &str,
) -> Result<Option<Map<String, Value>>, OAuthError> {
    let client_of = &client.stored.client;
    let claims = match context.verifier.introspect(token, context.issuer_url) {
        Some(known)
            if known.client_id() == Some(client_of.id.as_str())
                || is_meant_for(known.claims(), client_of)
                || fault!(introspection_by_any_client) =>
        {
            Some(access_token(known.claims()))
        }
        Some(_) => None,
        None => refresh_token(context, client, token).await?,
    };
    context.store.use_up(client.one_time()).await?;
    Ok(claims)
}

/// True when `aud` names the client, or a resource server that the client is registered as (RFC 7519 §4.1.3).
fn is_meant_for(claims: &Map<String, Value>, client: &Client) -> bool {
    let names = |audience: &str| {
        audience == client.id.as_str() || find_resource(&client.resources, audience).is_some()
    };
    match claims.get("aud") {
        Some(Value::String(audience)) => names(audience),
        Some(Value::Array(audiences)) => audiences.iter().filter_map(Value::as_str).any(names),
        _ => false,
    }
}

fn access_token(claims: &Map<String, Value>) -> Map<String, Value> {
    let mut response = Map::new();
    let kind = if claims.contains_key("cnf") { "DPoP" } else { "Bearer" };
    response.insert("token_type".to_owned(), kind.into());
    response.extend(CLAIMS.iter().filter_map(|name| Some(((*name).to_owned(), claims.get(*name)?.clone()))));
    response
}

async fn refresh_token(
    context: &OAuthContext<'_>,
    client: &AuthenticatedClient,
    token: &str,
) -> Result<Option<Map<String, Value>>, OAuthError> {
    let known = context.store.refresh_token(RefreshToken::presented(token).hash()).await?;
    let id = &client.stored.client.id;
    let is_theirs = |client: Option<&ClientId>| client == Some(id) || fault!(introspection_by_any_client);
    let known = known.filter(|known| known.is_fresh() && is_theirs(known.session.client_id.as_ref()));
    Ok(known.map(|known| {
        let response = json!({
            "scope": known.scope(),
            "client_id": id,
            "exp": known.expires_at.timestamp(),
            "sub": known.session.user_id,
            "iss": context.issuer_url,
            "sid": known.session.id,
        });
        response.as_object().cloned().unwrap_or_default()
    }))
}
