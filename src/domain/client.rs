//! OAuth clients and their secrets (RFC 6749 §2).

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use super::ambient::{NoRandomness, Random};
use super::{ClientId, InvalidId};

/// A way of getting a token that a client may use (RFC 6749 §1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// The client acts for itself (RFC 6749 §4.4).
    ClientCredentials,
}

impl GrantType {
    /// Every grant that this server offers.
    pub const ALL: [GrantType; 1] = [GrantType::ClientCredentials];

    /// The registered name (RFC 7591 §2).
    pub fn as_str(self) -> &'static str {
        match self {
            GrantType::ClientCredentials => "client_credentials",
        }
    }
}

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
            .ok_or(InvalidId("is not a grant of this server: client_credentials"))
    }
}

/// A registered client.
#[derive(Clone, Debug)]
pub struct Client {
    /// `client_id`.
    pub id: ClientId,
    /// For people.
    pub name: Option<String>,
    /// Names of the scopes it may ask for; those that the server no longer knows are skipped.
    pub scope: Vec<String>,
    /// Grants it may use.
    pub grants: Vec<GrantType>,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// When its secret was last made.
    pub secret_changed_at: DateTime<Utc>,
}

/// What is needed to register a client.
pub struct NewClient {
    /// `client_id`.
    pub id: ClientId,
    /// For people.
    pub name: Option<String>,
    /// Names of scopes, checked.
    pub scope: Vec<String>,
    /// Grants it may use.
    pub grants: Vec<GrantType>,
    /// SHA-256 of its secret.
    pub secret: SecretHash,
}

/// 256 random bits in base64url: shown once, kept as [`SecretHash`]. Neither printed nor
/// serialised by accident: it is read by [`ClientSecret::expose`] alone.
pub struct ClientSecret(SecretString);

impl ClientSecret {
    /// A new secret.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn generate(random: &Random) -> Result<Self, NoRandomness> {
        Ok(Self(SecretString::from(URL_SAFE_NO_PAD.encode(random.bytes::<32>()?))))
    }

    /// What somebody presented as a secret.
    pub fn presented(text: &str) -> Self {
        Self(SecretString::from(text))
    }

    /// The secret, to be shown to the person who asked for it, once.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// What is kept of it.
    pub fn hash(&self) -> SecretHash {
        SecretHash(sha256(self.expose().as_bytes()))
    }
}

/// SHA-256 of a secret of 256 random bits: enough, since there is nothing to guess.
#[derive(Clone)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether both are of one secret, in constant time.
    pub fn matches(&self, other: &SecretHash) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref());
    out
}
