//! What ends tokens before they expire.

use chrono::{DateTime, Utc};

use super::{Role, SessionId, Status, UserId};

/// That some tokens are dead from now on. It is written in the same transaction as its cause, and
/// every replica holds those that still matter in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Whose tokens.
    pub subject: Revoked,
    /// From when on it says nothing any more: every token that it ended has expired by then.
    pub until: DateTime<Utc>,
}

/// Whose tokens are dead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// A user's, issued in an epoch before this one.
    User(UserId, i64),
    /// A session's.
    Session(SessionId),
    /// A client's own, issued in an epoch before this one, and its users', issued before this time
    /// in milliseconds.
    Client(String, i64),
    /// The one with this `jti`.
    Token(String),
}

/// What a token that names no epoch is compared with: its user as they are now.
#[derive(Clone, Debug)]
pub struct AccountState {
    /// Whether the account may be used.
    pub status: Status,
    /// The user's roles.
    pub roles: Vec<Role>,
    /// When tokens issued before were last ended.
    pub epoch_began_at: Option<DateTime<Utc>>,
}
