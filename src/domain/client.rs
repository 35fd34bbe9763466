//! OAuth clients (RFC 6749 §2), and their authentication.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{ClientId, InvalidId, RedirectUri};

/// Grant type: a way to get a token (RFC 6749 §1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// A user signs in at the pages and permits the client to act for the user (RFC 6749 §4.1).
    AuthorizationCode,
    /// The client acts for itself (RFC 6749 §4.4).
    ClientCredentials,
    /// The client gets a new token without the user (RFC 6749 §6).
    RefreshToken,
}

impl GrantType {
    /// Every grant type that this server offers.
    pub const ALL: [GrantType; 3] =
        [GrantType::AuthorizationCode, GrantType::ClientCredentials, GrantType::RefreshToken];

    /// Returns the registered name (RFC 7591 §2).
    pub fn as_str(self) -> &'static str {
        match self {
            GrantType::AuthorizationCode => "authorization_code",
            GrantType::ClientCredentials => "client_credentials",
            GrantType::RefreshToken => "refresh_token",
        }
    }
}

// A new grant type does not compile until it is listed here. List it in `GrantType::ALL` too.
const _: () = match GrantType::ALL[0] {
    GrantType::AuthorizationCode | GrantType::ClientCredentials | GrantType::RefreshToken => (),
};

impl fmt::Display for GrantType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for GrantType {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        GrantType::ALL
            .into_iter()
            .find(|grant| grant.as_str() == text)
            .ok_or(InvalidId("is none of authorization_code, client_credentials, refresh_token"))
    }
}

/// Authentication method of a client at the token endpoint (RFC 7591 §2
/// `token_endpoint_auth_method`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthentication {
    /// Client secret, with HTTP Basic.
    ClientSecretBasic,
    /// Client secret, in the form.
    ClientSecretPost,
    /// Client assertion, signed with the client's own key (RFC 7523).
    PrivateKeyJwt,
    /// No authentication: a public client, which cannot keep a secret (RFC 6749 §2.1).
    None,
}

impl ClientAuthentication {
    /// Every method.
    pub const ALL: [Self; 4] =
        [Self::ClientSecretBasic, Self::ClientSecretPost, Self::PrivateKeyJwt, Self::None];

    /// Returns the registered name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::None => "none",
        }
    }

    /// True when the method uses a secret.
    pub fn by_secret(self) -> bool {
        matches!(self, Self::ClientSecretBasic | Self::ClientSecretPost)
    }
}

impl fmt::Display for ClientAuthentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ClientAuthentication {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let known = Self::ALL.into_iter().find(|method| method.as_str() == text);
        known.ok_or(InvalidId("is none of client_secret_basic, client_secret_post, private_key_jwt, none"))
    }
}

/// Metadata of a client. It can be changed after registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientMetadata {
    /// Display name.
    pub name: Option<String>,
    /// Names of the scopes that the client may request. Names that the server no longer knows are ignored.
    pub scope: Vec<String>,
    /// Grant types that the client may use.
    pub grants: Vec<GrantType>,
    /// Authentication method.
    pub authentication: ClientAuthentication,
    /// Redirect URIs for users after signing in.
    pub redirect_uris: Vec<RedirectUri>,
    /// Redirect URIs for users after signing out.
    pub post_logout_redirect_uris: Vec<RedirectUri>,
    /// Public keys for its authentication: a JWK Set (RFC 7517 §5) in JSON.
    pub jwks: Option<String>,
    /// Set when each of its tokens must be bound to a key of the client (RFC 9449 §5.2).
    pub dpop_bound: bool,
    /// Resource servers that the client is: the values of `aud` whose tokens it may introspect (RFC 7662).
    pub resources: Vec<String>,
    /// Set for an own application of this service: its users are not asked for consent.
    pub first_party: bool,
    /// Set when its ID tokens have the claims that userinfo has.
    pub userinfo_in_id_token: bool,
}

impl ClientMetadata {
    /// True when a change to `next` takes away something on which issued access tokens depend. This is a scope, a grant
    /// type, a redirect URI, a key or the method of authentication. It is also the permission of tokens that are bound
    /// to no key, and the trust as a first-party application.
    pub fn loses_something_to(&self, next: &Self) -> bool {
        fn lost<T: PartialEq>(before: &[T], after: &[T]) -> bool {
            before.iter().any(|one| !after.contains(one))
        }
        lost(&self.scope, &next.scope)
            || lost(&self.grants, &next.grants)
            || lost(&self.redirect_uris, &next.redirect_uris)
            || lost(&keys(self.jwks.as_deref()), &keys(next.jwks.as_deref()))
            || self.authentication != next.authentication
            || next.dpop_bound && !self.dpop_bound
            || self.first_party && !next.first_party
    }

    /// True when a change to `next` takes away a grant type on which the sessions of users depend.
    pub fn loses_sessions_to(&self, next: &Self) -> bool {
        let of_sessions = [GrantType::AuthorizationCode, GrantType::RefreshToken];
        of_sessions.iter().any(|grant| self.grants.contains(grant) && !next.grants.contains(grant))
    }
}

/// Returns the keys of a JWK Set (RFC 7517 §5) that was checked before.
fn keys(jwks: Option<&str>) -> Vec<Value> {
    let set: Option<Value> = jwks.and_then(|jwks| serde_json::from_str(jwks).ok());
    set.and_then(|set| set.get("keys")?.as_array().cloned()).unwrap_or_default()
}

/// Registered client.
#[derive(Clone, Debug)]
pub struct Client {
    /// `client_id`.
    pub id: ClientId,
    /// Metadata.
    pub metadata: ClientMetadata,
    /// Ages of its secrets, the newest first.
    pub secrets: Vec<SecretAge>,
    /// Version. Every change of the metadata increments it.
    pub revision: i64,
    /// Time of the registration.
    pub created_at: DateTime<Utc>,
    /// Time of the last change.
    pub updated_at: DateTime<Utc>,
}

impl std::ops::Deref for Client {
    type Target = ClientMetadata;

    fn deref(&self) -> &ClientMetadata {
        &self.metadata
    }
}

impl Client {
    /// Default time for which the previous secret stays valid beside a new one, in seconds.
    pub const SECRET_OVERLAP: u32 = 24 * 60 * 60;

    /// Maximum time for which the previous secret can stay valid, in seconds.
    pub const LONGEST_SECRET_OVERLAP: u32 = 30 * 24 * 60 * 60;

    /// Returns a new client at its registration.
    pub fn new(id: ClientId, metadata: ClientMetadata, now: DateTime<Utc>) -> Self {
        Self { id, metadata, secrets: Vec::new(), revision: 1, created_at: now, updated_at: now }
    }

    /// True for a public client (RFC 6749 §2.1), which any party can impersonate.
    pub fn is_public(&self) -> bool {
        self.authentication == ClientAuthentication::None
    }

    /// Returns the name for people: the display name, or else the id.
    pub fn title(&self) -> &str {
        self.name.as_deref().unwrap_or_else(|| self.id.as_str())
    }
}

/// Age of a client secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretAge {
    /// Time of creation.
    pub created_at: DateTime<Utc>,
    /// Expiry. `None` for the newest secret.
    pub expires_at: Option<DateTime<Utc>>,
}
