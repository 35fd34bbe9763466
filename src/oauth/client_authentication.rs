//! Client authentication (RFC 6749 §2.3): `client_secret_basic`, `client_secret_post`,
//! `private_key_jwt` (RFC 7523), and `none` for public clients.

use super::{Means, OAuthError};
use crate::domain::{
    Client, ClientAuthentication, ClientId, ClientMetadata, ClientSecret, GrantType, Origin, Thumbprint,
};
use crate::store::StoredClient;
use crate::token::{ClientAssertion, ClientKeys};

/// What a client presents to prove who it is.
pub enum Presented {
    /// Its secret.
    Secret {
        /// The client's id, as it was sent.
        id: String,
        /// Its secret.
        secret: ClientSecret,
        /// Whether they came by HTTP Basic.
        basic: bool,
    },
    /// What it signed with its own key (RFC 7523).
    Assertion {
        /// The client's id, as it was sent or as the assertion has it.
        id: String,
        /// The JWT.
        assertion: String,
    },
    /// Nothing but its id.
    Nothing {
        /// The client's id, as it was sent.
        id: String,
    },
}

/// A client that proved who it is, as far as it has to.
pub struct AuthenticatedClient {
    /// The client.
    pub stored: StoredClient,
    /// The key that it proved to have with this request (RFC 9449 §5).
    pub dpop_jkt: Option<Thumbprint>,
    /// Where it calls from.
    pub origin: Origin,
}

impl Presented {
    fn id(&self) -> &str {
        match self {
            Self::Secret { id, .. } | Self::Assertion { id, .. } | Self::Nothing { id } => id,
        }
    }

    fn basic(&self) -> bool {
        matches!(self, Self::Secret { basic: true, .. })
    }
}

/// Finds out which client calls. An unknown client and a wrong secret are not told apart, and a
/// client is taken by the method alone that it is registered for.
///
/// # Errors
/// [`OAuthError::InvalidClient`], or a failure.
pub async fn authenticate(with: &Means<'_>, presented: Presented) -> Result<StoredClient, OAuthError> {
    let refused = || OAuthError::InvalidClient { basic: presented.basic() };
    if presented.id() == ClientId::FIRST_PARTY && matches!(presented, Presented::Nothing { .. }) {
        return Ok(first_party(with));
    }
    let known = with.client_named(presented.id()).await?.ok_or_else(refused)?;
    let method = known.client.authentication;
    let proved = match &presented {
        Presented::Secret { secret, .. } => {
            let hash = secret.hash();
            method.by_secret() && known.secrets.iter().any(|known| known.matches(&hash))
        }
        Presented::Assertion { assertion, .. } => {
            method == ClientAuthentication::PrivateKeyJwt && holds(with, &known, assertion).await?
        }
        Presented::Nothing { .. } => method == ClientAuthentication::None,
    };
    if proved { Ok(known) } else { Err(refused()) }
}

/// Whether the assertion is the client's, for this server, and used for the first time on any replica.
async fn holds(with: &Means<'_>, client: &StoredClient, assertion: &str) -> Result<bool, OAuthError> {
    let Some(keys) = &client.client.jwks else { return Ok(false) };
    // RFC 7523 §3: the issuer or the token endpoint.
    let names = [with.issuer_url.to_owned(), format!("{}/oauth/token", with.issuer_url)];
    let (keys, id, now) = (ClientKeys::kept(keys), client.client.id.as_str(), with.clock.now());
    match ClientAssertion::verify(assertion, &keys, id, &names, now, with.leeway) {
        Some(assertion) => Ok(with.store.use_up(assertion.id, assertion.remembered_until).await?),
        None => Ok(false),
    }
}

/// The client that `POST /sessions` speaks for: public, and good for refreshing alone.
fn first_party(with: &Means<'_>) -> StoredClient {
    let now = with.clock.now();
    let metadata = ClientMetadata {
        name: None,
        scope: with.vocabulary.scopes().iter().map(ToString::to_string).collect(),
        grants: vec![GrantType::RefreshToken],
        authentication: ClientAuthentication::None,
        redirect_uris: Vec::new(),
        post_logout_redirect_uris: Vec::new(),
        jwks: None,
        dpop_bound: false,
    };
    let id = ClientId::first_party();
    let client = Client { id, metadata, secrets: Vec::new(), revision: 1, created_at: now, updated_at: now };
    StoredClient { client, secrets: Vec::new(), epoch: 0 }
}
