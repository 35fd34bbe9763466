//! Client authentication (RFC 6749 §2.3): `client_secret_basic`, `client_secret_post`,
//! `private_key_jwt` (RFC 7523), and `none` for public clients.

use super::{OAuthContext, OAuthError};
use crate::domain::{
    Bucket, Client, ClientAuthentication, ClientId, ClientMetadata, ClientSecret, GrantType, Network, Origin,
    Thumbprint, sha256,
};
use crate::store::{OneTimeJwt, OneTimeJwts, StoredClient};
use crate::token::{ClientAssertion, ClientKeys, Proof};

/// Credentials that a client sends.
pub enum PresentedCredentials {
    /// Client id and secret.
    Secret {
        /// The client's id, as it was sent.
        id: String,
        /// The secret, as it was sent.
        secret: ClientSecret,
        /// Set when they were sent by HTTP Basic.
        basic: bool,
    },
    /// A JWT that the client signed with its own key (RFC 7523).
    Assertion {
        /// The client's id, as it was sent or as the assertion names it.
        id: String,
        /// The JWT.
        assertion: String,
    },
    /// The client id alone, as a public client sends it.
    ClientId {
        /// The client's id, as it was sent.
        id: String,
    },
}

/// An authenticated client. A public client sends its id alone.
pub struct AuthenticatedClient {
    /// The client.
    pub stored: StoredClient,
    /// Assertion by which it authenticated. The request uses it up if it succeeds.
    assertion: Option<OneTimeJwt>,
    /// Proof that the client holds a key (RFC 9449 §5). The grant uses it up.
    pub proof: Option<Proof>,
    /// Client IP address and user agent.
    pub origin: Origin,
}

impl AuthenticatedClient {
    /// Returns the bucket that counts its wrong codes and refresh tokens. Anyone can send the id of a
    /// public client, so for such a client it is the network's.
    pub fn failures(&self) -> Option<Bucket> {
        match self.stored.client.is_public() {
            true => self.origin.address.map(|address| Bucket::failures_from(Network::of(address))),
            false => Some(Bucket::failures_of(&self.stored.client.id)),
        }
    }

    /// Returns the thumbprint of the key that the client proved to hold.
    pub(super) fn proved_key(&self) -> Option<Thumbprint> {
        self.proof.as_ref().map(|proof| proof.key.clone())
    }

    /// Returns the JWTs that the request uses up, for the transaction of what it does.
    pub(super) fn one_time(&self) -> OneTimeJwts {
        let proof = self.proof.as_ref().map(|proof| {
            let share = sha256(format!("proof {}", proof.key).as_bytes());
            OneTimeJwt { jti: proof.id, share, expires_at: proof.remembered_until }
        });
        OneTimeJwts { assertion: self.assertion.clone(), proof }
    }

    /// Checks that the client is registered for this grant type.
    ///
    /// # Errors
    /// [`OAuthError::UnauthorizedClient`] when it is not.
    pub(super) fn check_grant(&self, grant: GrantType) -> Result<(), OAuthError> {
        let is_registered = self.stored.client.grants.contains(&grant);
        if is_registered || fault!(client_grant_not_compared) {
            Ok(())
        } else {
            Err(OAuthError::UnauthorizedClient)
        }
    }
}

impl PresentedCredentials {
    fn id(&self) -> &str {
        match self {
            Self::Secret { id, .. } | Self::Assertion { id, .. } | Self::ClientId { id } => id,
        }
    }

    /// Returns the method by which they were sent.
    fn method(&self) -> ClientAuthentication {
        match self {
            Self::Secret { basic: true, .. } => ClientAuthentication::ClientSecretBasic,
            Self::Secret { basic: false, .. } => ClientAuthentication::ClientSecretPost,
            Self::Assertion { .. } => ClientAuthentication::PrivateKeyJwt,
            Self::ClientId { .. } => ClientAuthentication::None,
        }
    }
}

/// Authenticates a client. An unknown client and a wrong secret get the same answer. A client can use only the
/// method that it is registered for (RFC 7591 §2), and the refusal of another one names it.
///
/// # Errors
/// [`OAuthError::InvalidClient`], or a failure of the store.
pub async fn authenticate(
    context: &OAuthContext<'_>,
    credentials: PresentedCredentials,
    origin: Origin,
) -> Result<AuthenticatedClient, OAuthError> {
    let method = credentials.method();
    let refused = |registered| OAuthError::InvalidClient {
        basic: method == ClientAuthentication::ClientSecretBasic,
        registered,
    };
    if credentials.id() == ClientId::FIRST_PARTY
        && matches!(credentials, PresentedCredentials::ClientId { .. })
    {
        return Ok(AuthenticatedClient {
            stored: first_party(context),
            assertion: None,
            proof: None,
            origin,
        });
    }
    let known = context.find_client(credentials.id()).await?.ok_or_else(|| refused(None))?;
    if known.client.authentication != method && !fault!(client_method_not_compared) {
        return Err(refused(Some(known.client.authentication)));
    }
    let assertion = match &credentials {
        PresentedCredentials::Secret { secret, .. } => {
            let hash = secret.hash();
            let is_right = known.secrets.iter().any(|known| known.matches(&hash));
            if !is_right && !fault!(any_client_secret) {
                return Err(refused(None));
            }
            None
        }
        PresentedCredentials::Assertion { assertion, .. } => {
            Some(fresh_assertion(context, &known, assertion).await?.ok_or_else(|| refused(None))?)
        }
        PresentedCredentials::ClientId { .. } => None,
    };
    Ok(AuthenticatedClient { stored: known, assertion, proof: None, origin })
}

/// Returns the assertion if it is the client's, is for this server, and was not used before on any replica. The
/// request uses it up if it succeeds, so that a refused one writes nothing.
async fn fresh_assertion(
    context: &OAuthContext<'_>,
    client: &StoredClient,
    assertion: &str,
) -> Result<Option<OneTimeJwt>, OAuthError> {
    let Some(keys) = &client.client.jwks else { return Ok(None) };
    // RFC 7523 §3: the issuer or the token endpoint.
    let names = [context.issuer_url.to_owned(), format!("{}/oauth/token", context.issuer_url)];
    let (keys, id, now) = (ClientKeys::from_stored(keys), client.client.id.as_str(), context.clock.now());
    let verified = ClientAssertion::verify(assertion, &keys, id, &names, now, context.leeway);
    let Some(ClientAssertion { id: jti, remembered_until: expires_at }) = verified else { return Ok(None) };
    let share = sha256(format!("assertion {id}").as_bytes());
    let assertion = OneTimeJwt { jti, share, expires_at };
    Ok(if context.store.is_used_up(&assertion).await? { None } else { Some(assertion) })
}

/// Returns the client of `POST /sessions`: a public client that can only refresh tokens.
fn first_party(context: &OAuthContext<'_>) -> StoredClient {
    let now = context.clock.now();
    let metadata = ClientMetadata {
        scope: context.vocabulary.scopes().iter().map(ToString::to_string).collect(),
        grants: vec![GrantType::RefreshToken],
        authentication: ClientAuthentication::None,
        ..ClientMetadata::unsaid()
    };
    let id = ClientId::first_party();
    let client = Client { id, metadata, secrets: Vec::new(), revision: 1, created_at: now, updated_at: now };
    StoredClient { client, secrets: Vec::new(), epoch: 0 }
}
