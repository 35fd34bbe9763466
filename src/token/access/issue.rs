//! Issues access tokens (RFC 9068 §2).

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use jsonwebtoken::Algorithm;
use secrecy::{ExposeSecret as _, SecretString};

use super::claims::{AccessTokenClaims, Confirmation};
use crate::authz::ScopeSet;
use crate::domain::{Clock, Random, Role, SessionId, Thumbprint, UserId};
use crate::token::keys::signer::SigningKey;
use crate::token::{IssueError, Keys, SigningAlgorithm};

/// Issuer of access tokens and ID tokens.
///
/// It issues whatever token it is asked for, so only the authorization server and the command line hold
/// it. Its constructor and its issuing functions are `pub(crate)`.
///
/// ```compile_fail,E0624
/// fn forge(issuer: &cloakroom::token::Issuer, request: cloakroom::token::IssueRequest<'_>) {
///     let _ = issuer.issue(request);
/// }
/// ```
/// ```
/// fn read(issuer: &cloakroom::token::Issuer) -> bool {
///     issuer.signs_id_tokens()
/// }
/// ```
pub struct Issuer {
    pub(in crate::token) issuer: String,
    audience: String,
    ttl: u64,
    /// None when the server issues no tokens.
    keys: Option<Arc<Keys>>,
    clock: Clock,
    random: Random,
}

/// Subject of a token to issue.
#[derive(Clone, Debug)]
pub enum IssueTo {
    /// A user.
    User {
        /// `sub`.
        id: UserId,
        /// Present roles of the user.
        roles: Vec<Role>,
        /// Present epoch of the user.
        epoch: i64,
        /// Present epoch of the client. None for this server's own client, which has none.
        client_epoch: Option<i64>,
        /// Time of the user's authentication.
        auth_time: DateTime<Utc>,
    },
    /// The client itself.
    Client {
        /// `sub`, the same as `client_id`.
        id: String,
        /// Present epoch of the client.
        epoch: i64,
    },
}

/// Claims of a token to issue.
#[derive(Clone, Debug)]
pub struct IssueRequest<'a> {
    /// `sub`, with its roles and epoch.
    pub subject: IssueTo,
    /// The client that gets the token.
    pub client_id: String,
    /// Scopes, already limited to those of the client and of the user's roles.
    pub scope: &'a ScopeSet,
    /// Session in which it is issued.
    pub session: Option<SessionId>,
    /// Resource that the token is for (RFC 8707); none for this server.
    pub audience: Option<&'a str>,
    /// Thumbprint of the key that the token is bound to (RFC 9449 §6).
    pub bound_to: Option<&'a Thumbprint>,
}

/// An access token. It has no `Debug` and no `Serialize`, so only [`AccessToken::expose`] reads it.
///
/// ```compile_fail,E0277
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
    /// Returns the token, for the response that delivers it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// An issued token with what the token response says about it (RFC 6749 §5.1).
pub struct IssuedToken {
    /// The token.
    pub access_token: AccessToken,
    /// Lifetime in seconds.
    pub expires_in: u64,
    /// Scopes of the token.
    pub scope: ScopeSet,
    /// Set when it is bound to a key.
    pub is_bound: bool,
    /// Its `exp`.
    pub expires_at: DateTime<Utc>,
}

#[derive(serde::Serialize)]
struct Header<'a> {
    typ: &'static str,
    alg: Algorithm,
    kid: &'a str,
}

impl Issuer {
    /// Creates an issuer of tokens with this `iss`, `aud` and lifetime in whole seconds. Without keys it
    /// issues nothing.
    pub(crate) fn new(
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

    /// Returns the configured signing algorithm (RFC 7518 §3.1); none when the server issues no tokens.
    pub fn algorithm(&self) -> Option<SigningAlgorithm> {
        self.keys().map(|keys| keys.key_store().algorithm()).ok()
    }

    /// Returns the signing keys.
    pub(in crate::token) fn keys(&self) -> Result<&Keys, IssueError> {
        self.keys.as_deref().ok_or(IssueError::SwitchedOff)
    }

    /// Returns `iat` and `exp` of a token that is issued now.
    pub(in crate::token) fn lifetime(&self) -> Result<(i64, DateTime<Utc>), IssueError> {
        let iat = self.clock.now().timestamp();
        let expires_at = DateTime::from_timestamp(iat.saturating_add_unsigned(self.ttl), 0);
        Ok((iat, expires_at.ok_or(IssueError::NotSigned)?))
    }

    /// Issues an access token.
    ///
    /// # Errors
    /// When the system gives no randomness, signing fails, or there is no key.
    pub(crate) fn issue(&self, request: IssueRequest<'_>) -> Result<IssuedToken, IssueError> {
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

    /// Passes the claims of a token to `use_them`.
    pub(in crate::token) fn claims<T>(
        &self,
        request: IssueRequest<'_>,
        use_them: impl FnOnce(&AccessTokenClaims<'_>) -> T,
    ) -> Result<T, IssueError> {
        let (iat, expires_at) = self.lifetime()?;
        let (sub, roles, epoch, client_epoch, auth_time) = match request.subject {
            IssueTo::User { id, roles, epoch, client_epoch, auth_time } => {
                (id.to_string(), Some(roles), epoch, client_epoch, Some(auth_time.timestamp()))
            }
            IssueTo::Client { id, epoch } => (id, None, epoch, None, None),
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
            auth_time,
            amr: auth_time.map(|_| ["pwd"]),
            roles: roles.as_deref(),
            epoch,
            client_epoch,
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
