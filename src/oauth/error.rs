//! Errors of the authorization server.

use crate::domain::ClientAuthentication;
use crate::hashing::HashError;
use crate::store::StoreError;
use crate::token::InvalidProof;

/// An error of the authorization server (RFC 6749 §5.2).
#[derive(Debug, thiserror::Error)]
pub enum OAuthError {
    /// A parameter is missing, is repeated, or contradicts another.
    #[error("{0}")]
    InvalidRequest(&'static str),
    /// The client is unknown or its authentication failed.
    #[error("the client could not be authenticated")]
    InvalidClient {
        /// Set when the client used HTTP Basic: the response must have a challenge (RFC 6749 §5.2).
        basic: bool,
        /// The method that the client is registered for, if it used another one.
        registered: Option<ClientAuthentication>,
    },
    /// The client is not registered for the grant type.
    #[error("the client may not use this grant")]
    UnauthorizedClient,
    /// The server does not support the grant type.
    #[error("the grant type is not offered")]
    UnsupportedGrantType,
    /// None of the requested scopes can be granted.
    #[error("none of the scopes can be granted")]
    InvalidScope,
    /// The code or the refresh token is invalid, or not this client's.
    #[error("the grant is not good, was used already, or belongs to another client")]
    InvalidGrant,
    /// The proof of possession is not valid (RFC 9449 §5).
    #[error(transparent)]
    InvalidProof(InvalidProof),
    /// The server issues no tokens for the resource (RFC 8707 §2).
    #[error("this server issues no tokens for the resource")]
    InvalidTarget,
    /// Unknown address or wrong password: the client gets the same answer.
    #[error("e-mail or password is wrong")]
    InvalidCredentials,
    /// Too many password attempts failed. No password is checked until the limit allows it again.
    #[error("too many passwords were wrong")]
    TooManyAttempts {
        /// Seconds until the next attempt is allowed.
        retry_after: i64,
    },
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
    /// The password could not be checked.
    #[error("the password could not be checked")]
    Hash(#[from] HashError),
    /// The operating system gave no randomness for a code or a token.
    #[error(transparent)]
    Random(#[from] crate::domain::NoRandomness),
    /// The token could not be signed.
    #[error("the token could not be issued")]
    Issue(#[from] crate::token::IssueError),
}

impl From<StoreError> for OAuthError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::ProofUsed => Self::InvalidProof(InvalidProof::Replayed),
            StoreError::TooManyProofs => Self::InvalidProof(InvalidProof::TooMany),
            // A client that signs an assertion does not use HTTP Basic.
            StoreError::AssertionUsed => Self::InvalidClient { basic: false, registered: None },
            error => Self::Store(error),
        }
    }
}
