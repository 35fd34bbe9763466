//! What the authorization server refuses.

use crate::hashing::HashError;
use crate::store::StoreError;
use crate::token::InvalidProof;

/// A refusal, or a failure, of the authorization server (RFC 6749 §5.2).
#[derive(Debug, thiserror::Error)]
pub enum OAuthError {
    /// A parameter is missing, stands twice, or contradicts another.
    #[error("{0}")]
    InvalidRequest(&'static str),
    /// The client is unknown or did not prove who it is; whether it tried HTTP Basic.
    #[error("the client could not be authenticated")]
    InvalidClient {
        /// Whether it tried HTTP Basic, and has to be challenged so (RFC 6749 §5.2).
        basic: bool,
    },
    /// The client is not registered for the grant.
    #[error("the client may not use this grant")]
    UnauthorizedClient,
    /// The grant is not offered.
    #[error("the grant type is not offered")]
    UnsupportedGrantType,
    /// Nothing of the scope can be granted.
    #[error("none of the scopes can be granted")]
    InvalidScope,
    /// The code or the refresh token is not good, or not this client's.
    #[error("the grant is not good, was used already, or belongs to another client")]
    InvalidGrant,
    /// The proof of possession does not hold (RFC 9449 §5).
    #[error(transparent)]
    InvalidProof(InvalidProof),
    /// No tokens are issued for the resource (RFC 8707 §2).
    #[error("this server issues no tokens for the resource")]
    InvalidTarget,
    /// Unknown address or wrong password: not told apart.
    #[error("e-mail or password is wrong")]
    InvalidCredentials,
    /// Too many guesses at passwords were wrong: none is looked at for so many seconds.
    #[error("too many passwords were wrong")]
    TooManyGuesses {
        /// For how long.
        retry_after: i64,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The password could not be checked.
    #[error("the password could not be checked")]
    Hash(#[from] HashError),
    /// There is no randomness for a code or a token.
    #[error(transparent)]
    Random(#[from] crate::domain::NoRandomness),
    /// The token could not be signed.
    #[error("the token could not be issued")]
    Issue(#[from] crate::token::IssueError),
}
