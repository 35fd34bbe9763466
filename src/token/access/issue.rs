//! Issuing access tokens (RFC 9068 §2).

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use jsonwebtoken::Algorithm;
use secrecy::{ExposeSecret as _, SecretString};

use super::claims::{AccessTokenClaims, Confirmation};
use crate::authz::ScopeSet;
use crate::domain::{Clock, NoRandomness, Random, Role, SessionId, Thumbprint, UserId};
use crate::token::keys::Keys;
use crate::token::keys::algorithm::SigningAlgorithm;
use crate::token::keys::signer::SigningKey;

/// The one maker of access tokens.
pub struct Issuer {
    pub(in crate::token) issuer: String,
    audience: String,
    ttl: u64,
    /// None where the server issues nothing.
    keys: Option<Arc<Keys>>,
    clock: Clock,
    random: Random,
}

/// Whom a token is to speak for.
#[derive(Clone, Debug)]
pub enum IssueTo {
    /// A user, to whom the client gives access.
    User {
        /// `sub`.
        id: UserId,
        /// The roles that the user has now.
        roles: Vec<Role>,
        /// The user's epoch.
        epoch: i64,
    },
    /// The client itself.
    Client {
        /// `sub`, the same as `client_id`.
        id: String,
        /// The client's epoch.
        epoch: i64,
    },
}

/// What a token is to say.
#[derive(Clone, Debug)]
pub struct IssueRequest<'a> {
    /// Whom it speaks for.
    pub subject: IssueTo,
    /// The client that gets it.
    pub client_id: String,
    /// What it allows: already cut to what client and roles may have.
    pub scope: &'a ScopeSet,
    /// The session it is issued in.
    pub session: Option<SessionId>,
    /// Where it is to be taken (RFC 8707); here when nothing is said.
    pub audience: Option<&'a str>,
    /// The key to which it is bound (RFC 9449 §6).
    pub bound_to: Option<&'a Thumbprint>,
}

/// An access token. It has no `Debug` and no `Serialize`: it is read by [`AccessToken::expose`]
/// alone.
///
/// ```compile_fail
/// fn leak(token: cloakroom::token::AccessToken) -> String {
///     format!("{token:?}")
/// }
/// ```
/// ```
/// fn keep(token: cloakroom::token::AccessToken) -> cloakroom::token::AccessToken {
///     token
/// }
/// ```
pub struct AccessToken(SecretString);

impl AccessToken {
    /// The token, for the answer that carries it to its owner.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// What the token answer says (RFC 6749 §5.1).
pub struct IssuedToken {
    /// The token.
    pub access_token: AccessToken,
    /// How long it is good for, in seconds.
    pub expires_in: u64,
    /// What it allows.
    pub scope: ScopeSet,
    /// Whether it is bound to a key.
    pub is_bound: bool,
    /// Its `exp`.
    pub expires_at: DateTime<Utc>,
}

/// Why no token was issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// There is none for its id.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The lifetime leads beyond the calendar, or no key signs.
    #[error("the token could not be signed")]
    NotSigned,
    /// The server issues nothing: it has no keys of its own.
    #[error("this server issues no tokens")]
    SwitchedOff,
}

#[derive(serde::Serialize)]
struct Header<'a> {
    typ: &'static str,
    alg: Algorithm,
    kid: &'a str,
}

impl Issuer {
    /// Issues tokens from `issuer` for `audience`, good for `ttl` in whole seconds; without keys,
    /// none.
    pub fn new(
        issuer: impl Into<String>,
        audience: impl Into<String>,
        ttl: Duration,
        keys: impl Into<Option<Arc<Keys>>>,
        clock: Clock,
        random: Random,
    ) -> Self {
        let (issuer, audience) = (issuer.into(), audience.into());
        Self { issuer, audience, ttl: ttl.as_secs(), keys: keys.into(), clock, random }
    }

    /// What is signed with by this server's configuration (RFC 7518 §3.1); none where it issues
    /// nothing.
    pub fn algorithm(&self) -> Option<SigningAlgorithm> {
        self.keys().map(|keys| keys.safe().algorithm()).ok()
    }

    /// What there is to sign with.
    pub(in crate::token) fn keys(&self) -> Result<&Keys, IssueError> {
        self.keys.as_deref().ok_or(IssueError::SwitchedOff)
    }

    /// `iat` and the time of `exp` of what is issued now.
    pub(in crate::token) fn lifetime(&self) -> Result<(i64, DateTime<Utc>), IssueError> {
        let iat = self.clock.now().timestamp();
        let expires_at = DateTime::from_timestamp(iat.saturating_add_unsigned(self.ttl), 0);
        Ok((iat, expires_at.ok_or(IssueError::NotSigned)?))
    }

    /// Issues an access token.
    ///
    /// # Errors
    /// When the system gives no randomness, the key does not sign, or there is none.
    pub fn issue(&self, request: IssueRequest<'_>) -> Result<IssuedToken, IssueError> {
        let ring = self.keys()?.current();
        let key = ring.signing_key()?;
        let (scope, is_bound) = (request.scope.clone(), request.bound_to.is_some());
        let (token, expires_at) =
            self.claims(request, |claims| sign("at+jwt", claims, key).map(|token| (token, claims.exp)))??;
        Ok(IssuedToken {
            access_token: AccessToken(SecretString::from(token)),
            expires_in: self.ttl,
            scope,
            is_bound,
            expires_at: DateTime::from_timestamp(expires_at, 0).ok_or(IssueError::NotSigned)?,
        })
    }

    /// The claims of a token, for `use_them`.
    pub(in crate::token) fn claims<T>(
        &self,
        request: IssueRequest<'_>,
        use_them: impl FnOnce(&AccessTokenClaims<'_>) -> T,
    ) -> Result<T, IssueError> {
        let (iat, expires_at) = self.lifetime()?;
        let (sub, roles, epoch) = match request.subject {
            IssueTo::User { id, roles, epoch } => (id.to_string(), Some(roles), epoch),
            IssueTo::Client { id, epoch } => (id, None, epoch),
        };
        let claims = AccessTokenClaims {
            iss: &self.issuer,
            sub: &sub,
            aud: request.audience.unwrap_or(&self.audience),
            exp: expires_at.timestamp(),
            iat,
            jti: URL_SAFE_NO_PAD.encode(self.random.bytes::<16>()?),
            client_id: &request.client_id,
            scope: request.scope.to_string(),
            sid: request.session,
            roles: roles.as_deref(),
            epoch,
            cnf: request.bound_to.map(|jkt| Confirmation { jkt }),
        };
        Ok(use_them(&claims))
    }
}

/// Signs claims as a token of this `typ` (RFC 7515 §4.1.9).
pub(in crate::token) fn sign(
    typ: &'static str,
    claims: &impl serde::Serialize,
    key: &SigningKey,
) -> Result<String, IssueError> {
    let header = Header { typ, alg: key.algorithm, kid: &key.kid };
    let header = serde_json::to_vec(&header).map_err(|_| IssueError::NotSigned)?;
    let claims = serde_json::to_vec(claims).map_err(|_| IssueError::NotSigned)?;
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes())?);
    Ok(format!("{message}.{signature}"))
}
