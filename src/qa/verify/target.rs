//! Server to verify, and the credential for it.

use super::stop::Stop;
use crate::token::Keys;

/// Server to verify.
pub(crate) struct Target {
    /// Its URL.
    pub(crate) url: String,
    /// `iss` of its tokens.
    pub(crate) issuer: String,
    /// `aud` of its tokens.
    pub(crate) audience: String,
    /// The credential of a caller with every scope.
    pub(crate) everything: Credential,
    /// Its signing keys, if they are available. They are needed for tokens with a single defect.
    pub(crate) keys: Option<Keys>,
    /// Removes the last administrator, which the server does not do.
    pub(crate) remove_last_admin: Option<RemoveLastAdmin>,
    /// Set for a test server, which makes tokens and may be changed as a whole.
    pub(crate) is_test_server: bool,
    /// Ends the run.
    pub(crate) stop: Stop,
}

/// Function that removes the user with this id from the server's database.
pub(crate) type RemoveLastAdmin = Box<dyn Fn(&str) -> Result<(), String>>;

/// Credential of a caller.
pub(crate) enum Credential {
    /// An access token.
    Token(String),
    /// The id and the secret of a client.
    Client(String, String),
    /// The e-mail address and the password of a user.
    User(String, String),
    /// The server's own signing key, which signs a token.
    Key,
}

/// Error that stops a verification.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct VerifyError(pub(crate) String);

impl VerifyError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}
