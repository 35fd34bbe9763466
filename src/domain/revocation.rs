//! Revocation of tokens before they expire.

use chrono::{DateTime, Utc};

use super::{Role, SessionId, Status, UserId};

/// Revocation of tokens. It is stored in the same transaction as its cause. Every replica keeps the
/// revocations that still matter in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Revoked tokens.
    pub subject: Revoked,
    /// End of the revocation: every revoked token has expired by then.
    pub until: DateTime<Utc>,
}

/// Set of revoked tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// Tokens of a user from an epoch before this one.
    User(UserId, i64),
    /// Tokens of a session.
    Session(SessionId),
    /// Tokens of a client from an epoch before this one, and its users' tokens issued before this
    /// Unix time, in milliseconds.
    Client(String, i64),
    /// Token with this `jti`.
    Token(String),
}

/// Present state of an account, to check tokens without an epoch.
#[derive(Clone, Debug)]
pub struct AccountState {
    /// Status of the account.
    pub status: Status,
    /// Roles of the user.
    pub roles: Vec<Role>,
    /// Start of the present epoch: earlier tokens are revoked.
    pub epoch_began_at: Option<DateTime<Utc>>,
}
