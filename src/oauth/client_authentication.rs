//! Client authentication (RFC 6749 §2.3): `client_secret_basic` and `client_secret_post`.

use super::OAuthError;
use crate::domain::{ClientId, ClientSecret};
use crate::store::{Store, StoredClient};

/// What a client presents to prove who it is.
pub struct ClientCredentials {
    /// The client's id, as it was sent.
    pub id: String,
    /// Its secret.
    pub secret: ClientSecret,
    /// Whether they came by HTTP Basic.
    pub basic: bool,
}

/// Finds out which client calls. An unknown client and a wrong secret are not told apart.
///
/// # Errors
/// [`OAuthError::InvalidClient`], or a failure of the store.
pub async fn authenticate(store: &Store, presented: ClientCredentials) -> Result<StoredClient, OAuthError> {
    let refused = || OAuthError::InvalidClient { basic: presented.basic };
    let id: ClientId = presented.id.parse().map_err(|_| refused())?;
    let client = store.client_credentials(id.to_string()).await?.ok_or_else(refused)?;
    if client.secret.matches(&presented.secret.hash()) { Ok(client) } else { Err(refused()) }
}
