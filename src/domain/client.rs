//! OAuth clients (RFC 6749 §2): who they are, and how they prove it.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use super::{ClientId, InvalidId, RedirectUri};

/// A way of getting a token that a client may use (RFC 6749 §1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// A user signs in at the pages and lets the client act for them (RFC 6749 §4.1).
    AuthorizationCode,
    /// The client acts for itself (RFC 6749 §4.4).
    ClientCredentials,
    /// A token is followed by the next without the user (RFC 6749 §6).
    RefreshToken,
}

impl GrantType {
    /// Every grant that this server offers.
    pub const ALL: [GrantType; 3] =
        [GrantType::AuthorizationCode, GrantType::ClientCredentials, GrantType::RefreshToken];

    /// The registered name (RFC 7591 §2).
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

/// How a client proves who it is at the token endpoint (RFC 7591 §2
/// `token_endpoint_auth_method`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthentication {
    /// By its secret, with HTTP Basic or in the form.
    ClientSecretBasic,
    /// By its secret, in the form or with HTTP Basic.
    ClientSecretPost,
    /// By a statement signed with its own key (RFC 7523).
    PrivateKeyJwt,
    /// Not at all: it runs where no secret can be kept (RFC 6749 §2.1).
    None,
}

impl ClientAuthentication {
    /// Every method.
    pub const ALL: [Self; 4] =
        [Self::ClientSecretBasic, Self::ClientSecretPost, Self::PrivateKeyJwt, Self::None];

    /// The registered name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::None => "none",
        }
    }

    /// Whether it takes a secret.
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

/// What is registered of a client, and may be changed later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientMetadata {
    /// For people.
    pub name: Option<String>,
    /// Names of the scopes it may ask for; those that the server no longer knows are skipped.
    pub scope: Vec<String>,
    /// Grants it may use.
    pub grants: Vec<GrantType>,
    /// How it proves who it is.
    pub authentication: ClientAuthentication,
    /// Where its users may be sent back to after signing in.
    pub redirect_uris: Vec<RedirectUri>,
    /// Where its users may be sent back to after signing out.
    pub post_logout_redirect_uris: Vec<RedirectUri>,
    /// Its public keys, a JWK Set (RFC 7517 §5) in JSON, when it authenticates by them.
    pub jwks: Option<String>,
    /// Whether each of its tokens must be bound to a key of its own (RFC 9449 §5.2).
    pub dpop_bound: bool,
}

/// A registered client.
#[derive(Clone, Debug)]
pub struct Client {
    /// `client_id`.
    pub id: ClientId,
    /// What is registered of it.
    pub metadata: ClientMetadata,
    /// When each secret that it has was made, and until when it is good; the newest first.
    pub secrets: Vec<SecretAge>,
    /// Its version, which every change of its metadata raises.
    pub revision: i64,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl std::ops::Deref for Client {
    type Target = ClientMetadata;

    fn deref(&self) -> &ClientMetadata {
        &self.metadata
    }
}

impl Client {
    /// For so long the secret that was the newest goes on beside a new one, unless somebody says
    /// otherwise, in seconds.
    pub const SECRET_OVERLAP: u32 = 24 * 60 * 60;

    /// The longest that somebody may say, in seconds.
    pub const LONGEST_SECRET_OVERLAP: u32 = 30 * 24 * 60 * 60;

    /// One that is being registered.
    pub fn new(id: ClientId, metadata: ClientMetadata, now: DateTime<Utc>) -> Self {
        Self { id, metadata, secrets: Vec::new(), revision: 1, created_at: now, updated_at: now }
    }

    /// Whether it is a public client (RFC 6749 §2.1): anybody can say to be it.
    pub fn is_public(&self) -> bool {
        self.authentication == ClientAuthentication::None
    }

    /// What to call it before a person.
    pub fn title(&self) -> &str {
        self.name.as_deref().unwrap_or_else(|| self.id.as_str())
    }
}

/// The age of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretAge {
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends; none while nothing has taken its place.
    pub expires_at: Option<DateTime<Utc>>,
}
